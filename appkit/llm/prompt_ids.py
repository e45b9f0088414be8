"""From messages to the exact token ids a model is shown, with what the model said before in the very ids it said it.

Text → ids → text → ids does not always come back to the same ids, and keys and values are found again by ids. So the
ids of earlier answers are put into the encoded conversation in place of their text.
"""

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from appkit.messages import Message
from runtime import Template, TextStream, Tokenizer, encode_chat

_MARKER = re.compile("(\U000f0000[0-9a-f]+:[0-9]+\U000f0001)")  # around it characters that have no meaning of their own


class PromptEncoder:
    """Encodes conversations for one model. Safe to share between threads."""

    def __init__(self, template: Template, tokenizer: Tokenizer) -> None:
        self._template = template
        self._tokenizer = tokenizer
        self._splicing = _SplicingTokenizer(tokenizer)

    def encode(
        self, messages: Sequence[Message], *, tools: Sequence[Mapping[str, Any]] | None = None
    ) -> tuple[int, ...]:
        """Ids of `messages` up to where the assistant begins to speak. Raises ChatTemplateError.

        Args: tools: as the template is given them.

        Earlier answers keep their ids where that changes nothing of the text the model is shown; a template that
        looks into messages or strips them may not let them, and then their text is encoded anew.
        """
        turns = [message.to_template() for message in messages]
        plain = encode_chat(self._template, self._tokenizer, turns, tools=tools)
        spoken = {idx: ids for idx, message in enumerate(messages) if (ids := self._spoken_ids(message))}
        if not spoken:
            return tuple(plain)
        nonce = secrets.token_hex(8)
        markers = {idx: f"\U000f0000{nonce}:{idx}\U000f0001" for idx in spoken}
        marked = [
            (replace(message, content=markers[idx]) if idx in markers else message).to_template()
            for idx, message in enumerate(messages)
        ]
        with self._splicing.inserting({markers[idx]: ids for idx, ids in spoken.items()}):
            spliced = encode_chat(self._template, self._splicing, marked, tools=tools)
        return tuple(spliced if self._text(spliced) == self._text(plain) else plain)

    def spoken_text(self, message: Message) -> str:
        """What an assistant's `message` was generated as, calls included; "" where its ids do not tell."""
        ids = self._generated_ids(message)
        return self._tokenizer.decode(ids, continues=True) if ids else ""

    def _spoken_ids(self, message: Message) -> list[int]:
        """The ids `message` was generated with; none where they are not just its text."""
        ids = self._generated_ids(message)
        return ids if ids and self._tokenizer.decode(ids, continues=True) == message.content else []

    def _generated_ids(self, message: Message) -> list[int]:
        """The ids of an assistant's message, less the one that ended it; none where control tokens are among them."""
        ids = list(message.token_ids)
        while ids and ids[-1] in self._tokenizer.eog_ids:
            ids.pop()
        if not ids or message.role != "assistant" or max(ids) >= self._tokenizer.vocab_size:
            return []  # the last: another model said it
        return ids if self._tokenizer.special_ids.isdisjoint(ids) else []

    def _text(self, ids: Sequence[int]) -> str:
        return self._tokenizer.decode(list(ids), skip_special=False)


class _SplicingTokenizer:
    """A tokenizer that gives chosen ids for chosen markers, and is the one it was made from for everything else."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._ids_by_marker: dict[str, list[int]] = {}
        self.vocab_size = tokenizer.vocab_size
        self.bos_id = tokenizer.bos_id
        self.eos_id = tokenizer.eos_id
        self.eog_ids = tokenizer.eog_ids
        self.special_ids = tokenizer.special_ids
        self.adds_bos = tokenizer.adds_bos
        self.adds_eos = tokenizer.adds_eos

    def encode(self, text: str, *, add_special: bool = False, parse_special: bool = False) -> list[int]:
        if add_special:  # no conversation is encoded so: what surrounds one is its template's business
            return self._tokenizer.encode(text, add_special=True, parse_special=parse_special)
        ids: list[int] = []
        for piece in _MARKER.split(text):
            inserted = self._ids_by_marker.get(piece)
            ids += self._tokenizer.encode(piece, parse_special=parse_special) if inserted is None else inserted
        return ids

    @contextmanager
    def inserting(self, ids_by_marker: Mapping[str, list[int]]) -> Iterator[None]:
        """Give these ids for these markers within the block. Markers are unique, so blocks may overlap in time."""
        self._ids_by_marker.update(ids_by_marker)
        try:
            yield
        finally:
            for marker in ids_by_marker:
                del self._ids_by_marker[marker]

    def decode(self, ids: list[int] | np.ndarray, *, skip_special: bool = True, continues: bool = False) -> str:
        return self._tokenizer.decode(ids, skip_special=skip_special, continues=continues)

    def token_bytes(self, token_id: int) -> bytes:
        return self._tokenizer.token_bytes(token_id)

    def token_id(self, token: str) -> int | None:
        return self._tokenizer.token_id(token)

    def stream(self, *, skip_special: bool = True, continues: bool = False) -> TextStream:
        return self._tokenizer.stream(skip_special=skip_special, continues=continues)
