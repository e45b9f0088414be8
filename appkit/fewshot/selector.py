"""What every selector is: a setting that, given a question and examples, says which to show; and how they are joined.

    nearest = Semantic(embedder, 50).then(Balanced(8), FitTokens(model, 600))
    selection = nearest.select("The pump makes a noise.", store)

Each step chooses among what the step before it chose. Selectors are deterministic: equal scores are settled by the
place in the store, and the same question, examples and settings always give the same selection.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import chain
from typing import Any, ClassVar, Literal

from appkit.fewshot.example import Example
from appkit.fewshot.selection import Selection, SelectionStep
from appkit.fewshot.store import ExampleStore, Query

# "best last": by how well they fit the question, the best next to it. "as listed": as the caller listed them. "store":
# as they stand in the store, whatever the question, so the same examples are the same tokens and are read once.
Order = Literal["best last", "as listed", "store"]


class Selector(ABC):
    """Chooses examples. Subclasses are frozen dataclasses: their fields are their settings and go into the trace.

    `order` is how what was chosen is shown. In a chain the last selector that has one decides; None has none.
    """

    name: ClassVar[str]
    order: ClassVar[Order | None] = None

    @abstractmethod
    def choose(self, query: str, candidates: ExampleStore) -> SelectionStep:
        """One step of a selection: ids of some candidates, best first. `query` is "" where no selector looks at it."""

    def select(self, query: Query, examples: ExampleStore | Sequence[Example]) -> Selection:
        """The examples to show for `query`.

        Args:
            query: its text, or a mapping with the fields that the examples have.
            examples: a store, which keeps vectors and words for the next question; or a list, which does not.

        Raises:
            ValueError: the question is blank or lacks a field, or a list of examples makes no store.
            ContextOverflowError: a budget of tokens is too small for every candidate.
        """
        return _run((self,), query, examples)

    def then(self, *others: "Selector") -> "Chain":
        """This selector, and the others after it, each on what the one before chose."""
        return Chain(self, *others)

    def step(self, ids: Iterable[str], **more: Any) -> SelectionStep:
        """What `choose` returns, with this selector's name and settings filled in."""
        return SelectionStep(selector=self.name, parameters=self._parameters(), ids=tuple(ids), **more)

    def _parameters(self) -> Mapping[str, Any]:
        """Settings as plain values: models and embedders by their names, functions by theirs."""
        values = {setting.name: getattr(self, setting.name) for setting in fields(self)}  # type: ignore[arg-type]
        return {name: _plain(value) for name, value in values.items()}


@dataclass(frozen=True, init=False)
class Chain(Selector):
    """Selectors one after the other."""

    name: ClassVar[str] = "chain"
    selectors: tuple[Selector, ...]

    def __init__(self, *selectors: Selector) -> None:
        if not selectors:
            raise ValueError("A chain needs at least one selector.")
        nested = (one.selectors if isinstance(one, Chain) else (one,) for one in selectors)
        object.__setattr__(self, "selectors", tuple(chain.from_iterable(nested)))

    def choose(self, query: str, candidates: ExampleStore) -> SelectionStep:
        """The last step alone; `select` keeps them all."""
        for selector in self.selectors:
            found = selector.choose(query, candidates)
            candidates = candidates.subset(found.ids)
        return found

    def select(self, query: Query, examples: ExampleStore | Sequence[Example]) -> Selection:
        """The examples that came through every step, and what each step did."""
        return _run(self.selectors, query, examples)


def check_limit(limit: int) -> None:
    """Raise ValueError for a limit that chooses nothing."""
    if limit < 1:
        raise ValueError(f"limit is {limit}; choose at least 1 example.")


def check_opened(what: str, given: object, way: str) -> None:
    """Raise TypeError for a name in the place of an embedder or a model: who opens one must also close it."""
    if isinstance(given, str):
        raise TypeError(f"{what} is the name {given!r}; open it first and keep it: {way}({given!r}).")


def _run(selectors: Sequence[Selector], query: Query, examples: ExampleStore | Sequence[Example]) -> Selection:
    store = examples if isinstance(examples, ExampleStore) else ExampleStore(examples)
    orders = [selector.order for selector in selectors if selector.order is not None]
    text = store.text_of(query) if "best last" in orders else ""
    steps: list[SelectionStep] = []
    chosen = store
    for selector in selectors:
        steps.append(selector.choose(text, chosen))
        chosen = chosen.subset(steps[-1].ids)
    shown = _in_order(chosen, orders[-1] if orders else "store", store)
    return Selection(examples=shown, steps=tuple(steps))


def _in_order(chosen: ExampleStore, order: Order, store: ExampleStore) -> tuple[Example, ...]:
    """The chosen ones, which come best first, as they are shown."""
    if order == "best last":
        return tuple(reversed(tuple(chosen)))
    if order == "as listed":
        return tuple(chosen)
    return tuple(store[row] for row in sorted(store.rows_of(example.id for example in chosen)))


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (str, int, float, tuple)):
        return value
    return getattr(value, "name", None) or getattr(value, "__name__", None) or type(value).__name__
