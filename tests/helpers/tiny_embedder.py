"""An embedder without a model: texts that share words have vectors that are alike."""

import hashlib
import re
from collections.abc import Sequence
from typing import Literal

import numpy as np

_WORD = re.compile(r"[a-z0-9]+|[⺀-鿿]")


class TinyEmbedder:
    """An `Embedder`: every word adds one direction that its hash decides. The same on every machine.

    Args:
        seed: another one gives other vectors, as another model would.
        max_seq_len: words of one text; 16 more are for a prefix nobody writes, as with real ones.
    """

    def __init__(self, *, name: str = "tiny", dim: int = 64, seed: int = 0, max_seq_len: int = 56) -> None:
        self.name = name
        self.dim = dim
        self.max_seq_len = max_seq_len
        self.embedded: list[str] = []  # every text that was asked for
        self.is_closed = False
        self._seed = seed

    def embed(self, texts: Sequence[str], kind: Literal["query", "document"] = "document") -> np.ndarray:
        self.embedded += texts
        return np.stack([self._vector(text) for text in texts]) if texts else np.empty((0, self.dim), np.float32)

    def count_tokens(self, text: str) -> int:
        return len(_WORD.findall(text.lower()))

    def close(self) -> None:
        self.is_closed = True

    def _vector(self, text: str) -> np.ndarray:
        vector = np.zeros(self.dim, np.float32)
        vector[0] = 0.01  # a text without words is not nothing
        for word in _WORD.findall(text.lower()):
            digest = hashlib.blake2b(f"{self._seed}:{word}".encode(), digest_size=16).digest()
            for place, sign in zip(digest[:8], digest[8:], strict=True):
                vector[place % self.dim] += 1 if sign & 1 else -1
        unit: np.ndarray = vector / np.linalg.norm(vector)
        return unit
