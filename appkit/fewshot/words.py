"""Choices by words, Chinese ones included: what the question and an example literally share."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from appkit.fewshot.selection import SelectionStep
from appkit.fewshot.selector import Order, Selector, check_limit
from appkit.fewshot.store import ExampleStore
from appkit.retrieval.segmentation import search_words


@dataclass(frozen=True)
class BM25(Selector):
    """The `limit` examples that keyword search finds; fewer, or none, where fewer share a word with the question.

    How rare a word is, the whole store says, also where only some of its examples compete.
    """

    name: ClassVar[str] = "bm25"
    order: ClassVar[Order | None] = "best last"
    limit: int

    def __post_init__(self) -> None:
        check_limit(self.limit)

    def choose(self, query: str, candidates: ExampleStore) -> SelectionStep:
        found = candidates.keyword_scores(search_words(query), len(candidates))
        best = sorted(found, key=lambda pair: (-pair[1], pair[0]))[: self.limit]
        return self.step((candidates[row].id for row, _ in best), scores=tuple(score for _, score in best))


@dataclass(frozen=True)
class NgramOverlap(Selector):
    """The `limit` examples that share most runs of one to `max_len` words; those that share none are left alone.

    The score is Dice's coefficient, 2·shared / (runs of the question + runs of the example), a run that both hold
    twice counting twice. Unlike BM25 it asks for neighbouring words, and a long example has to earn its length.

    Source: Dice, "Measures of the Amount of Ecologic Association Between Species", Ecology 26(3), 1945.
    """

    name: ClassVar[str] = "ngram overlap"
    order: ClassVar[Order | None] = "best last"
    limit: int
    max_len: int = 2

    def __post_init__(self) -> None:
        check_limit(self.limit)
        if not 1 <= self.max_len <= 8:
            raise ValueError(f"max_len is {self.max_len}; give a number of words from 1 to 8.")

    def choose(self, query: str, candidates: ExampleStore) -> SelectionStep:
        asked = _runs(search_words(query), self.max_len)
        scores = [_dice(asked, _runs(words, self.max_len)) for words in candidates.words()]
        best = sorted(range(len(scores)), key=lambda row: -scores[row])[: self.limit]  # stable: ties by place
        rows = [row for row in best if scores[row] > 0]
        return self.step((candidates[row].id for row in rows), scores=tuple(scores[row] for row in rows))


def _runs(words: Sequence[str], max_len: int) -> Counter[tuple[str, ...]]:
    """How often each run of 1 … max_len neighbouring words occurs."""
    return Counter(
        tuple(words[start : start + length])
        for length in range(1, max_len + 1)
        for start in range(len(words) - length + 1)
    )


def _dice(a: Counter[tuple[str, ...]], b: Counter[tuple[str, ...]]) -> float:
    total = a.total() + b.total()
    return 2 * (a & b).total() / total if total else 0.0
