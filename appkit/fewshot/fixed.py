"""Choices that do not look at the question: the same examples each time, so the prompt they begin is read once."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, cast

from appkit.fewshot.selection import SelectionStep
from appkit.fewshot.selector import Order, Selector, check_limit
from appkit.fewshot.store import ExampleStore


@dataclass(frozen=True)
class Fixed(Selector):
    """The examples with these ids, shown in this order."""

    name: ClassVar[str] = "fixed"
    order: ClassVar[Order | None] = "as listed"
    ids: Sequence[str]

    def __post_init__(self) -> None:
        if isinstance(cast(object, self.ids), str):
            raise TypeError(f"ids is the text {self.ids!r}; give a tuple of ids: ({self.ids!r},).")
        object.__setattr__(self, "ids", tuple(self.ids))
        if not self.ids or len(set(self.ids)) < len(self.ids):
            raise ValueError(f"The ids are {self.ids}; give at least one, and none twice.")

    def choose(self, query: str, candidates: ExampleStore) -> SelectionStep:
        """Raises: ValueError: a candidate of that id is not there."""
        candidates.rows_of(self.ids)
        return self.step(self.ids)


@dataclass(frozen=True)
class Random(Selector):
    """`limit` examples that a seed decides, shown in the order of the store.

    An example is drawn by the digest of seed and id, so the draw is the same on every machine, and one example more in
    the store changes it by one at most.
    """

    name: ClassVar[str] = "random"
    order: ClassVar[Order | None] = "store"
    limit: int
    seed: int = 0

    def __post_init__(self) -> None:
        check_limit(self.limit)

    def choose(self, query: str, candidates: ExampleStore) -> SelectionStep:
        drawn = sorted((example.id for example in candidates), key=self._lot)
        return self.step(drawn[: self.limit])

    def _lot(self, example_id: str) -> bytes:
        return hashlib.sha256(f"{self.seed} {example_id}".encode()).digest()
