"""The bytes of every token in two arrays, so that a vocabulary is read from a cache in one go."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np


class TokenTable:
    """`len(table)` byte strings by id."""

    def __init__(self, blob: bytes, bounds: np.ndarray) -> None:
        """Args: blob: all strings, one after the other; bounds: [V + 1] integers, string i is blob[b[i]:b[i + 1]]."""
        self.blob = blob
        self.bounds = bounds
        self._places: memoryview[int] = np.ascontiguousarray(
            bounds
        ).data  # gives Python integers, quicker than the array

    @classmethod
    def of(cls, pieces: Sequence[bytes]) -> "TokenTable":
        bounds = np.zeros(len(pieces) + 1, np.int64)
        np.cumsum([len(piece) for piece in pieces], out=bounds[1:])
        return cls(b"".join(pieces), bounds)

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __getitem__(self, token_id: int) -> bytes:
        return self.blob[self._places[token_id] : self._places[token_id + 1]]

    def pieces(self) -> list[bytes]:
        """All strings, much faster than one by one."""
        blob, bounds = self.blob, self.bounds.tolist()
        return [blob[start:end] for start, end in pairwise(bounds)]
