"""Turns token ids into text one by one, holding back bytes until they make whole characters."""

import codecs
from collections.abc import Container
from typing import Protocol


class Pieces(Protocol):
    """What a stream needs to know of a vocabulary."""

    special_ids: frozenset[int]

    def token_bytes(self, token_id: int) -> bytes: ...


class Utf8Stream:
    """A `TextStream` for vocabularies whose tokens are bytes, possibly parts of a character.

    One decoder runs over the bytes of all tokens, so any way of cutting a text into tokens gives the same text. Bytes
    that can no longer become a character turn into U+FFFD as soon as that is certain.
    """

    def __init__(
        self, pieces: Pieces, *, skip: Container[int], drops_space_after: Container[int] | None, continues: bool = False
    ) -> None:
        """
        Args:
            skip: ids that add nothing.
            drops_space_after: None where encoding puts no space in front of a text; else the ids after which it does,
                and after which, as at the start, decoding takes one away again.
            continues: other text comes before; the first space belongs to this one.
        """
        self._pieces = pieces
        self._skip = skip
        self._drops_space_after = drops_space_after
        self._at_start = not continues
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, token_id: int) -> str:
        return self._decoder.decode(self.take_bytes(token_id))

    def flush(self) -> str:
        return self._decoder.decode(b"", final=True)

    def take_bytes(self, token_id: int) -> bytes:
        """The bytes `token_id` adds at this place."""
        piece = self._pieces.token_bytes(token_id)
        if self._drops_space_after is not None:
            if token_id in self._drops_space_after:
                self._at_start = True
            elif piece:
                if self._at_start and piece.startswith(b" "):
                    piece = piece[1:]
                self._at_start = False
        return b"" if token_id in self._skip else piece
