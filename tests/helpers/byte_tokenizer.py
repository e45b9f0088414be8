"""A tokenizer of bytes, some longer tokens and some ends, to see constraints work on bytes."""

from collections.abc import Sequence

import numpy as np

from runtime.errors import TokenizerError
from runtime.tokenizer.base import TextStream


class ByteTokenizer:
    """Ids 0 … 255 are bytes, then `words`, then `num_ends` control tokens. Encodes by the longest word that fits."""

    def __init__(self, words: Sequence[str], *, num_ends: int = 2, missing: bytes = b"") -> None:
        """Args: missing: bytes that this vocabulary does not have; their ids stand for nothing."""
        self._tokens = [b"" if i in missing else bytes([i]) for i in range(256)]
        self._tokens += [word.encode() for word in words]
        self._by_first_byte: list[list[int]] = [[] for _ in range(256)]
        for i, token in enumerate(self._tokens):
            if token:
                self._by_first_byte[token[0]].append(i)
        ends = range(len(self._tokens), len(self._tokens) + num_ends)
        self._tokens += [f"<eos{i}>".encode() for i in range(num_ends)]
        self.vocab_size = len(self._tokens)
        self.bos_id = None
        self.eos_id = ends[0] if num_ends else None
        self.eog_ids = frozenset(ends)
        self.special_ids = frozenset(ends)
        self.adds_bos = self.adds_eos = False

    def encode(self, text: str, *, add_special: bool = False, parse_special: bool = False) -> list[int]:
        data, ids, position = text.encode(), [], 0
        while position < len(data):
            fitting = [i for i in self._by_first_byte[data[position]] if data.startswith(self._tokens[i], position)]
            if not fitting:
                raise TokenizerError(f"no token has the byte {data[position]}")
            ids.append(max(fitting, key=lambda i: len(self._tokens[i])))
            position += len(self._tokens[ids[-1]])
        return ids

    def decode(self, ids: list[int] | np.ndarray, *, skip_special: bool = True, continues: bool = False) -> str:
        return b"".join(self._tokens[int(i)] for i in ids).decode(errors="replace")

    def token_bytes(self, token_id: int) -> bytes:
        return self._tokens[token_id]

    def token_id(self, token: str) -> int | None:
        return self._tokens.index(token.encode()) if token.encode() in self._tokens else None

    def stream(self, *, skip_special: bool = True, continues: bool = False) -> TextStream:
        raise NotImplementedError("nothing here streams")
