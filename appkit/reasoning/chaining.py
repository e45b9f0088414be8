"""Prompt chaining: one stage after another, with gates between them that say whether to go on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Stage(Generic[T]):
    """A function from what there is to what comes next, and a predicate that its outcome must pass."""

    name: str
    run: Callable[[T], T]
    gate: Callable[[T], bool] | None = None


@dataclass(frozen=True, kw_only=True)
class Chained(Generic[T]):
    """How far a chain came. `values` holds the outcome of every stage that ran, the refused one included."""

    values: tuple[T, ...]
    refused_by: str | None  # the name of the stage whose gate said no; None where all passed

    @property
    def value(self) -> T:
        """The last outcome."""
        return self.values[-1]

    @property
    def is_complete(self) -> bool:
        return self.refused_by is None


def chain(value: T, stages: Sequence[Stage[T]]) -> Chained[T]:
    """Run `stages` one after another, each on what the one before it made. A gate that says no ends the chain.

    Raises:
        ValueError: there are no stages.
        What a stage raises.
    """
    if not stages:
        raise ValueError("There are no stages: give at least one.")
    values: list[T] = []
    for stage in stages:
        value = stage.run(value)
        values.append(value)
        if stage.gate is not None and not stage.gate(value):
            return Chained(values=tuple(values), refused_by=stage.name)
    return Chained(values=tuple(values), refused_by=None)
