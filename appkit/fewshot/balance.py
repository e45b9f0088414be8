"""A choice that shows every label its share."""

from collections import defaultdict
from dataclasses import dataclass
from typing import ClassVar

from appkit.fewshot.selection import SelectionStep
from appkit.fewshot.selector import Selector, check_limit
from appkit.fewshot.store import ExampleStore


@dataclass(frozen=True)
class Balanced(Selector):
    """`limit` candidates, one of each label in turn, in the order they came: round robin.

    The label of the first candidate begins, so after a selector that ranks, the best one still comes first. A label
    that runs out gives its turns to the others.
    """

    name: ClassVar[str] = "balanced"
    limit: int

    def __post_init__(self) -> None:
        check_limit(self.limit)

    def choose(self, query: str, candidates: ExampleStore) -> SelectionStep:
        num_seen: defaultdict[str, int] = defaultdict(int)
        turns: list[int] = []  # in which round each candidate has its turn
        for example in candidates:
            turns.append(num_seen[example.label])
            num_seen[example.label] += 1
        order = sorted(range(len(turns)), key=turns.__getitem__)  # stable: by order of labels within a round
        return self.step(candidates[row].id for row in order[: self.limit])
