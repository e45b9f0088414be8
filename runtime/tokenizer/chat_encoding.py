"""From a conversation to ids, such that only the template writes special tokens.

A message may spell `<|im_end|>`: pasted logs do, attackers do. Left alone, it would end the turn. So before rendering,
each such spelling in messages and tools is broken by a guard character that occurs nowhere else, and after the special
tokens of the rendered text have been found, the guards are taken out. A message that only begins or ends with a piece
of a spelling is broken too, lest the template put two halves together. All else reaches the template untouched, and a
conversation without such spellings gets exactly the ids of its rendered text.

What remains possible: a template that deletes characters inside a message may bring halves together that were apart.
"""

import datetime
import json
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from runtime.errors import ChatTemplateError
from runtime.tokenizer.base import Tokenizer
from runtime.tokenizer.chat_template import Template
from runtime.tokenizer.special import SpecialTokens

PRIVATE_USE = range(0xE000, 0xF900)  # characters without a meaning of their own, each one unit in JSON's escapes


def encode_chat(
    template: Template,
    tokenizer: Tokenizer,
    messages: Sequence[Mapping[str, Any]],
    *,
    tools: Sequence[Mapping[str, Any]] | None = None,
    add_generation_prompt: bool = True,
    now: datetime.datetime | None = None,
    **variables: Any,
) -> list[int]:
    """Ids of the conversation as `template` writes it; arguments and errors as `Template.render`.

    The start token is the template's business, as in `transformers`; only a plain template, which cannot write one,
    gets it from the tokenizer.
    """
    given: dict[str, Any] = {"add_generation_prompt": add_generation_prompt, "now": now}
    if not template.has_special_tokens:
        text = template.render(messages, tools=tools, **given, **variables)
        starts = [tokenizer.bos_id] if tokenizer.adds_bos and tokenizer.bos_id is not None else []
        return starts + tokenizer.encode(text)
    spellings = _spellings_of(tokenizer)
    guard = _unused_character(template.source, messages, tools, variables)
    guarded = template.render(
        spellings.break_up(messages, guard),
        tools=spellings.break_up(tools, guard),
        **given,
        **spellings.break_up(variables, guard),
    )
    guarded = guarded.replace(json.dumps(guard)[1:-1], guard)  # a filter may have escaped it
    text = guarded.replace(guard, "")
    meant = [piece if isinstance(piece, int) else piece.replace(guard, "") for piece in spellings.finder.split(guarded)]
    if [piece for piece in meant if piece != ""] == list(spellings.finder.split(text)):
        return tokenizer.encode(text, parse_special=True)
    ids: list[int] = []
    for piece in meant:
        ids += [piece] if isinstance(piece, int) else tokenizer.encode(piece)
    return ids


class _Spellings:
    """The special tokens of one tokenizer as they are spelled, and how to break them."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._by_id = {i: tokenizer.token_bytes(i).decode(errors="replace") for i in tokenizer.special_ids}
        spellings = {spelling: i for i, spelling in self._by_id.items() if spelling}
        self.finder = SpecialTokens(spellings)
        self._starts = {spelling[:n] for spelling in spellings for n in range(1, len(spelling))}
        self._ends = {spelling[n:] for spelling in spellings for n in range(1, len(spelling))}
        self._max_part = max(map(len, spellings), default=1) - 1

    def break_up(self, value: Any, guard: str) -> Any:
        """A copy of plain data with every spelling in its texts and keys broken by `guard`."""
        if isinstance(value, str):
            return self._break_ends(self._break_whole(value, guard), guard)
        if isinstance(value, Mapping):
            return {self.break_up(key, guard): self.break_up(item, guard) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.break_up(item, guard) for item in value]
        return value

    def _break_whole(self, text: str, guard: str) -> str:
        while True:
            pieces = list(self.finder.split(text))
            if not any(isinstance(piece, int) for piece in pieces):
                return text
            # what follows a broken spelling may complete another one, so look again
            text = "".join(piece if isinstance(piece, str) else self._broken(piece, guard) for piece in pieces)

    def _broken(self, token_id: int, guard: str) -> str:
        spelling = self._by_id[token_id]
        if len(spelling) == 1:
            raise ChatTemplateError(f"A message holds {spelling!r}, a special token of one character; take it out.")
        return spelling[0] + guard + spelling[1:]

    def _break_ends(self, text: str, guard: str) -> str:
        """Guards inside what begins or ends the text like a piece of a spelling; beside it, if it is one character.

        Inside where possible: at the very end they would keep a template from stripping white space.
        """
        lengths = range(1, min(self._max_part, len(text)) + 1)
        cuts = {max(n - 1, 0) for n in lengths if text[:n] in self._ends}
        cuts |= {len(text) - n + 1 for n in lengths if text[-n:] in self._starts}
        for cut in sorted(cuts, reverse=True):
            text = text[:cut] + guard + text[cut:]
        return text


_known: weakref.WeakKeyDictionary[Tokenizer, _Spellings] = weakref.WeakKeyDictionary()  # a cache, nothing else


def _spellings_of(tokenizer: Tokenizer) -> _Spellings:
    if tokenizer not in _known:
        _known[tokenizer] = _Spellings(tokenizer)
    return _known[tokenizer]


def _unused_character(*values: Any) -> str:
    """One that neither occurs in these values nor is written there as JSON escapes it."""
    try:
        text = json.dumps(values, ensure_ascii=False, default=str)
    except (RecursionError, ValueError):
        raise ValueError("The messages or tools are nested too deep, or contain themselves.") from None
    return next(c for c in map(chr, PRIVATE_USE) if c not in text and json.dumps(c)[1:-1] not in text.lower())
