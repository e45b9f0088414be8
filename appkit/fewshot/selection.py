"""`Selection`: the examples chosen for one question, in the order they are shown, and how each step came to them."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from appkit.context.items import Item, Section
from appkit.fewshot.example import Example, as_turn


@dataclass(frozen=True, kw_only=True)
class SelectionStep:
    """What one selector did.

    `ids` are what it chose, best first. `scores` are what it ranked them by, higher is better, and `tokens` what each
    costs; either is empty where the selector looks at no such thing. `left_out` says why an example that stood in line
    was passed over.
    """

    selector: str
    parameters: Mapping[str, Any]
    ids: tuple[str, ...]
    scores: tuple[float, ...] = ()
    tokens: tuple[int, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Examples in the order they are shown, and the steps that chose them.

    Where the question decided, the best example stands last, next to the question. Where it did not, the same examples
    always stand in the same order, so a prompt that begins with them begins with the same tokens each time.
    """

    examples: tuple[Example, ...]
    steps: tuple[SelectionStep, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(example.id for example in self.examples)

    def values(self, answer: str = "answer") -> list[dict[str, Any]]:
        """For `prompt.render(examples=…)`: the fields of each example, and its label under the name `answer`."""
        for example in self.examples:
            if answer in example.fields:
                raise ValueError(
                    f"Example {example.id!r} has a field {answer!r} already; give another name for labels."
                )
        return [{**example.fields, answer: example.label} for example in self.examples]

    def section(
        self,
        name: str = "examples",
        *,
        as_item: Callable[[Example], Item] = as_turn,
        min_tokens: int = 0,
        max_tokens: int | None = None,
        priority: int = 0,
        overflow: Literal["refuse", "drop_oldest", "drop_last"] = "drop_oldest",
    ) -> Section:
        """For `compile_context`: one item an example. The first ones, least like the question, give way first."""
        return Section(
            name=name,
            items=tuple(as_item(example) for example in self.examples),
            min_tokens=min_tokens,
            max_tokens=max_tokens,
            priority=priority,
            overflow=overflow,
            drop_to=1,  # the next question has other examples: nothing is gained by cutting more than must be
        )

    def trace(self) -> dict[str, Any]:
        """The ids shown and every step, as plain values for JSON."""
        return {"ids": list(self.ids), "steps": [asdict(step) for step in self.steps]}
