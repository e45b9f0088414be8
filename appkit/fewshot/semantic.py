"""Choices by meaning: the examples whose vectors lie nearest to the question's."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from appkit.fewshot.selection import SelectionStep
from appkit.fewshot.selector import Order, Selector, check_limit, check_opened
from appkit.fewshot.store import ExampleStore
from appkit.llm.base import Embedder

if TYPE_CHECKING:
    import numpy as np

_ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Semantic(Selector):
    """The `limit` examples most like the question; the score is the cosine.

    Source: Liu et al., "What Makes Good In-Context Examples for GPT-3?", arXiv:2101.06804.
    """

    name: ClassVar[str] = "semantic"
    order: ClassVar[Order | None] = "best last"
    embedder: Embedder
    limit: int

    def __post_init__(self) -> None:
        check_opened("embedder", self.embedder, "LocalEmbedder")
        check_limit(self.limit)

    def choose(self, query: str, candidates: ExampleStore) -> SelectionStep:
        if not len(candidates):
            return self.step(())
        scores = cosines(query, candidates, self.embedder)
        rows = (-scores).argsort(kind="stable")[: self.limit]
        return self.step((candidates[int(row)].id for row in rows), scores=tuple(float(scores[row]) for row in rows))


@dataclass(frozen=True)
class MMR(Selector):
    """`limit` examples like the question and unlike each other: maximal marginal relevance, see `retrieval/mmr.py`.

    Only the `pool` nearest compete, as everything is compared with everything. The score is the cosine to the question;
    the order is that of choice.

    Source for examples in prompts: Ye et al., "Complementary Explanations for Effective In-Context Learning",
    arXiv:2211.13892.
    """

    name: ClassVar[str] = "mmr"
    order: ClassVar[Order | None] = "best last"
    embedder: Embedder
    limit: int
    diversity: float = 0.3
    pool: int = 100

    def __post_init__(self) -> None:
        check_opened("embedder", self.embedder, "LocalEmbedder")
        check_limit(self.limit)
        if not 0 <= self.diversity <= 1:
            raise ValueError(f"diversity is {self.diversity}; give a number from 0 (likeness alone) to 1.")
        if not self.limit <= self.pool <= 2000:
            raise ValueError(f"pool is {self.pool}; give a number from limit ({self.limit}) to 2000.")

    def choose(self, query: str, candidates: ExampleStore) -> SelectionStep:
        from appkit.retrieval.mmr import choose_diverse

        if not len(candidates):
            return self.step(())
        scores = cosines(query, candidates, self.embedder)
        pool = [int(row) for row in (-scores).argsort(kind="stable")[: self.pool]]
        vectors = candidates.vectors(self.embedder, pool)
        order = choose_diverse(scores[pool].tolist(), vectors, limit=self.limit, diversity=self.diversity)
        rows = [pool[idx] for idx in order]
        return self.step((candidates[row].id for row in rows), scores=tuple(float(scores[row]) for row in rows))


def cosines(query: str, candidates: ExampleStore, embedder: Embedder) -> "np.ndarray":
    """[n] float32: how like the question each candidate is.

    Each row is summed by itself. A matrix product is faster and gives equal rows numbers that differ in their last bit,
    by where they stand, so equal texts would not tie.
    """
    import numpy as np

    from appkit.retrieval.embedders import embed_checked

    vector = embed_checked(embedder, [query], "query")[0]
    matrix = candidates.vectors(embedder)
    starts = range(0, len(matrix), _ROWS_AT_ONCE)
    return np.concatenate([(matrix[start : start + _ROWS_AT_ONCE] * vector).sum(axis=1) for start in starts])
