"""Hits without an index, for tests of what is done with them."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from appkit.retrieval.documents import Chunk, Hit
from appkit.retrieval.segmentation import search_words

WARRANTY = "The pump comes with a manual. The warranty period is two years. It starts at delivery."
COLOUR = "All pumps are painted blue. Other colours can be ordered."


def hit(text: str, source: str = "a.md", start: int = 0, score: float = 1.0, page_number: int | None = None) -> Hit:
    """A hit whose chunk is `text`, standing at `start` of its document."""
    chunk = Chunk(source=source, start=start, end=start + len(text), text=text, page_number=page_number)
    return Hit(chunk=chunk, score=score, scores={"dense": score})


class WordEmbedder:
    """An `Embedder` by hand: one dimension a word, so a cosine is the share of common words."""

    name = "words"
    dim = 512

    def embed(self, texts: Sequence[str], kind: Literal["query", "document"] = "document") -> np.ndarray:
        vectors = np.full((len(texts), self.dim), 1e-3, np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in search_words(text):
                row[sum(map(ord, word)) % self.dim] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
