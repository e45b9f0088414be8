"""A few labelled requests that every test here can tell apart, and embedders whose answers are known."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from appkit.fewshot import Example, ExampleStore

ROWS = (
    ("pump", "The pump hums loudly", "service"),
    ("invoice", "Please send a copy of the invoice", "billing"),
    ("noise", "热泵噪音很大", "service"),
    ("title", "发票抬头写错了", "billing"),
    ("login", "I cannot log in to the web site", "web"),
    ("leak", "The pump leaks", "service"),
)


def make_store(rows: Sequence[tuple[str, str, str]] = ROWS) -> ExampleStore:
    return ExampleStore(Example(id=name, fields={"text": text}, label=label) for name, text, label in rows)


class TableEmbedder:
    """An `Embedder` whose vectors are written down, as directions that need not have length 1 yet."""

    name = "table"

    def __init__(self, directions: Mapping[str, Sequence[float]]) -> None:
        self.dim = len(next(iter(directions.values())))
        self.num_embedded = 0
        self._directions = directions

    def embed(self, texts: Sequence[str], kind: Literal["query", "document"] = "document") -> np.ndarray:
        self.num_embedded += len(texts)
        vectors = np.array([self._directions[text] for text in texts], np.float32).reshape(len(texts), self.dim)
        unit: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit
