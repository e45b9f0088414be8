"""From a conversation to ids, such that only the template writes special tokens.

A message may spell `<|im_end|>`: pasted logs do, attackers do. Left alone, it would end the turn. So before rendering,
each such spelling in messages and tools is broken by a guard character that occurs nowhere else, and after the special
tokens of the rendered text have been found, the guards are taken out. A message that only begins or ends with a piece
of a spelling is broken too, lest the template put two halves together. All else reaches the template untouched, and a
conversation without such spellings gets exactly the ids of its rendered text.

Tags around tool calls and their results are often tokens that are found in any text, not control tokens. Those that the
template writes itself, such as `<tool_response>`, are kept apart in what users, tools and the system say: there they
are encoded in two halves.

What remains possible: a template that deletes characters inside a message may bring halves together that were apart.
"""

import datetime
import itertools
import json
import re
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from runtime.errors import ChatTemplateError
from runtime.tokenizer.base import Tokenizer
from runtime.tokenizer.chat_template import Template
from runtime.tokenizer.special import SpecialTokens

_TAG = re.compile(r"</?tool[a-z_]*>|\[/?[A-Z_]*TOOL[A-Z_]*\]")
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
    guard, cut = _unused_characters(template.source, messages, tools, variables)
    tags = _tag_tokens(template, tokenizer)
    guarded = template.render(
        spellings.break_up([_with_cut_tags(message, tags, cut) for message in messages], guard),
        tools=spellings.break_up(tools, guard),
        **given,
        **spellings.break_up(variables, guard),
    )
    for character in (guard, cut):
        guarded = guarded.replace(json.dumps(character)[1:-1], character)  # a filter may have escaped it
    ids: list[int] = []
    for piece in guarded.split(cut):
        ids += _encode_guarded(piece, guard, spellings, tokenizer)
    return ids


def _encode_guarded(guarded: str, guard: str, spellings: "_Spellings", tokenizer: Tokenizer) -> list[int]:
    """Ids of rendered text, of the special tokens in which those are meant that no guard breaks."""
    text = guarded.replace(guard, "")
    meant = [piece if isinstance(piece, int) else piece.replace(guard, "") for piece in spellings.finder.split(guarded)]
    if [piece for piece in meant if piece != ""] == list(spellings.finder.split(text)):
        return tokenizer.encode(text, parse_special=True)
    ids: list[int] = []
    for piece in meant:
        ids += [piece] if isinstance(piece, int) else tokenizer.encode(piece)
    return ids


def _tag_tokens(template: Template, tokenizer: Tokenizer) -> list[str]:
    """Tags for tools that the template writes and the vocabulary has as tokens of text."""
    found = set(_TAG.findall(template.source))
    return sorted(
        tag for tag in found if len(ids := tokenizer.encode(tag)) == 1 and ids[0] not in tokenizer.special_ids
    )


def _with_cut_tags(message: Mapping[str, Any], tags: Sequence[str], cut: str) -> Mapping[str, Any]:
    """`message` with every tag in its text cut in two, unless the assistant says it, whose business they are."""
    if not tags or not isinstance(message, Mapping) or message.get("role") == "assistant":
        return message
    if not isinstance(content := message.get("content"), str):
        return message
    for tag in tags:
        content = content.replace(tag, tag[0] + cut + tag[1:])
    return {**message, "content": content}


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


def _unused_characters(*values: Any) -> list[str]:
    """Two that neither occur in these values nor are written there as JSON escapes them."""
    try:
        text = json.dumps(values, ensure_ascii=False, default=str)
    except (RecursionError, ValueError):
        raise ValueError("The messages or tools are nested too deep, or contain themselves.") from None
    unused = (c for c in map(chr, PRIVATE_USE) if c not in text and json.dumps(c)[1:-1] not in text.lower())
    return list(itertools.islice(unused, 2))
