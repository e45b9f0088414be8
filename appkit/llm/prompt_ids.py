"""From messages to the exact token ids a model is shown.

Encoding the rendered template as one text is right but for two things, and both are mended by encoding some messages
apart from the template around them:

- what a model said keeps the ids it was generated with, so a turn's prompt starts with the ids whose KV pages exist
  (text → ids → text → ids does not come back to the same ids);
- control tokens spelled out in a message (`<|im_end|>`) stay plain text, so nobody can speak for someone else.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from appkit.errors import AppkitError
from appkit.messages import Message

Render = Callable[[Sequence[Message]], str]


class Encoder(Protocol):
    """The part of the runtime's tokenizer that is needed here."""

    bos_id: int | None
    adds_bos: bool
    vocab_size: int
    eog_ids: frozenset[int]
    special_ids: frozenset[int]

    def encode(self, text: str, *, add_special: bool = False, parse_special: bool = False) -> list[int]: ...

    def decode(self, ids: Any, *, skip_special: bool = True) -> str: ...


def build_prompt_ids(messages: Sequence[Message], render: Render, tokenizer: Encoder) -> tuple[int, ...]:
    """Ids of `messages` in their chat template, ready for the answer.

    Args:
        render: the chat template, up to where the assistant begins to speak.

    Raises:
        AppkitError: a message spells out control tokens and the template rewrites it, so it cannot be kept plain.
    """
    text = render(messages)
    said = ((idx, spoken_ids(message, tokenizer)) for idx, message in enumerate(messages))
    spoken = {idx: token_ids for idx, token_ids in said if token_ids}
    risky = {idx for idx, message in enumerate(messages) if _spells_control_tokens(message.content, tokenizer)}
    if not spoken and not risky:
        return _with_bos(tokenizer.encode(text, parse_special=True), tokenizer)

    parts = _split(messages, set(spoken) | risky, render, text)
    if parts is not None:
        ids: list[int] = []
        for part in parts:
            if isinstance(part, str):
                ids += tokenizer.encode(part, parse_special=True)
            else:
                idx, content = part
                kept = spoken.get(idx) if content == messages[idx].content else None
                ids += kept or tokenizer.encode(content)
        # A vocabulary that treats the start of a text differently shows it here: then the plain way is the right one.
        if risky or tokenizer.decode(ids, skip_special=False) == text:
            return _with_bos(ids, tokenizer)
    if risky:
        name = messages[min(risky)].role
        raise AppkitError(
            f"A {name} message spells out a control token of this model, and its chat template rewrites messages, so "
            "the two cannot be told apart: remove the control token (a word like <|im_end|>) from the message."
        )
    return _with_bos(tokenizer.encode(text, parse_special=True), tokenizer)


def spoken_ids(message: Message, tokenizer: Encoder) -> list[int] | None:
    """The ids `message` was generated with, without the one that ended it; None where they are not exactly its text."""
    ids = list(message.token_ids)
    while ids and ids[-1] in tokenizer.eog_ids:
        ids.pop()
    if not ids or message.role != "assistant" or not tokenizer.special_ids.isdisjoint(ids):
        return None
    if max(ids) >= tokenizer.vocab_size:  # another model said it
        return None
    return ids if tokenizer.decode(ids) == message.content else None


def _spells_control_tokens(content: str, tokenizer: Encoder) -> bool:
    """Whether reading special tokens out of `content` would give other ids than reading it as text."""
    return tokenizer.encode(content, parse_special=True) != tokenizer.encode(content)


def _split(
    messages: Sequence[Message], apart: set[int], render: Render, text: str
) -> list[str | tuple[int, str]] | None:
    """`text` cut into template text and (message index, content) for the messages in `apart`.

    A second render with markers in place of these messages shows where they land; None where putting the contents
    back does not give `text`, as with a template that looks into messages. Templates that strip messages are common,
    so stripped contents are tried too.
    """
    nonce = secrets.token_hex(8)
    markers = {f"⁅{nonce}:{idx}⁆": idx for idx in apart}
    marked = render(
        [
            replace(message, content=f"⁅{nonce}:{idx}⁆") if idx in apart else message
            for idx, message in enumerate(messages)
        ]
    )
    pieces: list[str | int] = [marked]
    for marker, idx in markers.items():
        cut: list[str | int] = []
        for piece in pieces:
            if isinstance(piece, str) and marker in piece:
                before, _, after = piece.partition(marker)
                cut += [before, idx, after]
            else:
                cut.append(piece)
        pieces = cut
    for stripped in (False, True):
        contents = {idx: messages[idx].content.strip() if stripped else messages[idx].content for idx in apart}
        if "".join(piece if isinstance(piece, str) else contents[piece] for piece in pieces) == text:
            return [piece if isinstance(piece, str) else (piece, contents[piece]) for piece in pieces if piece != ""]
    return None


def _with_bos(ids: list[int], tokenizer: Encoder) -> tuple[int, ...]:
    """The start token in front where the model wants one and the template wrote none."""
    if tokenizer.adds_bos and tokenizer.bos_id is not None and ids[:1] != [tokenizer.bos_id]:
        return (tokenizer.bos_id, *ids)
    return tuple(ids)
