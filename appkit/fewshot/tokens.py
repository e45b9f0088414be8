"""Choices by size in the model's own tokens: what is about as long as the question, and what fits a budget."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from appkit.context.counting import item_tokens
from appkit.context.items import Item
from appkit.errors import ContextOverflowError
from appkit.fewshot.example import Example, as_turn
from appkit.fewshot.selection import SelectionStep
from appkit.fewshot.selector import Order, Selector, check_limit, check_opened
from appkit.fewshot.store import ExampleStore
from appkit.llm.base import LanguageModel
from appkit.messages import Message

_QUESTION = Message(role="user", content="a")


@dataclass(frozen=True)
class ClosestLength(Selector):
    """The `limit` examples whose text is about as long as the question; the score is minus the difference in tokens."""

    name: ClassVar[str] = "closest length"
    order: ClassVar[Order | None] = "best last"
    model: LanguageModel
    limit: int

    def __post_init__(self) -> None:
        check_opened("model", self.model, "open_model")
        check_limit(self.limit)

    def choose(self, query: str, candidates: ExampleStore) -> SelectionStep:
        asked = item_tokens(self.model, Item(id="question", text=query))
        lengths = [item_tokens(self.model, Item(id=example.id, text=example.text)) for example in candidates]
        rows = sorted(range(len(lengths)), key=lambda row: abs(lengths[row] - asked))[: self.limit]  # stable
        return self.step(
            (candidates[row].id for row in rows),
            scores=tuple(float(-abs(lengths[row] - asked)) for row in rows),
            tokens=tuple(lengths[row] for row in rows),
        )


@dataclass(frozen=True)
class FitTokens(Selector):
    """The best candidates that fit `max_tokens` together, label and template marks included.

    Candidates are taken in their order. One that no longer fits is passed over, which the step's `left_out` says, and
    smaller ones behind it still get their chance. What was chosen is counted again as a whole, so the budget holds for
    the tokens the model reads (exactly so where it has the capability "token_count").

    Args:
        as_item: how an example is shown; a turn of a conversation where nothing else is said.
    """

    name: ClassVar[str] = "fit tokens"
    model: LanguageModel
    max_tokens: int
    as_item: Callable[[Example], Item] = as_turn

    def __post_init__(self) -> None:
        check_opened("model", self.model, "open_model")
        if self.max_tokens < 1:
            raise ValueError(f"max_tokens is {self.max_tokens}; give the examples at least 1 token.")

    def choose(self, query: str, candidates: ExampleStore) -> SelectionStep:
        """Raises: ContextOverflowError: there are candidates, and the smallest is larger than the budget."""
        items = {example.id: self.as_item(example) for example in candidates}
        sizes = {name: item_tokens(self.model, item) for name, item in items.items()}
        chosen: list[str] = []
        left_out: dict[str, str] = {}
        left = self.max_tokens
        for name, size in sizes.items():
            if size <= left:
                chosen.append(name)
                left -= size
            else:
                left_out[name] = f"{size:,} tokens, where {left:,} of {self.max_tokens:,} were left"
        while chosen and (total := self._count([items[name] for name in chosen])) > self.max_tokens:
            left_out[chosen.pop()] = f"with it there were {total:,} tokens, and the budget is {self.max_tokens:,}"
        if sizes and not chosen:
            smallest = min(sizes.values())
            raise ContextOverflowError(
                f"None of {len(sizes)} examples fits: the smallest is {smallest:,} tokens and the budget for examples "
                f"is {self.max_tokens:,}. Give them more, or go without.",
                smallest,
                self.max_tokens,
            )
        return self.step(chosen, tokens=tuple(sizes[name] for name in chosen), left_out=left_out)

    def _count(self, items: Sequence[Item]) -> int:
        """What the items add to a question, counted together; texts stand one right behind the other."""
        messages = [message for item in items for message in item.messages]
        text = "".join(item.text for item in items)
        in_messages = (
            self.model.count_tokens([*messages, _QUESTION]) - self.model.count_tokens([_QUESTION]) if messages else 0
        )
        return in_messages + item_tokens(self.model, Item(id="all", text=text))
