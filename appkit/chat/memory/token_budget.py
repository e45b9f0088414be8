"""`TokenBudget`: as many of the last turns as fit so many tokens."""

from dataclasses import dataclass, replace

from appkit.chat.memory.base import Memory
from appkit.chat.memory.showing import Showing


@dataclass(frozen=True, kw_only=True)
class TokenBudget(Memory):
    """Shows what fits. When turns must go, enough go for some turns ahead, so that the prefix in the KV cache lasts.

    Args:
        tokens: of prompt and answer together; None is what the model holds. Never more than that.
        answer_tokens: kept free for the answer, at most half of the budget; None is `max_tokens` of the turn's
            settings, and where these say nothing a quarter of the budget, at most 1,024.
        drop_to: how full the history is after turns went, a share of the room it has.

    Raises:
        ValueError: a number is out of range.
    """

    tokens: int | None = None
    answer_tokens: int | None = None
    drop_to: float = 0.75

    def __post_init__(self) -> None:
        if self.tokens is not None and self.tokens < 2:
            raise ValueError(f"tokens is {self.tokens}; prompt and answer need at least 2.")
        if self.answer_tokens is not None and self.answer_tokens < 1:
            raise ValueError(f"answer_tokens is {self.answer_tokens}; keep at least 1 free.")
        if not 0 < self.drop_to <= 1:
            raise ValueError(f"drop_to is {self.drop_to}; use a share above 0, at most 1.")

    def arrange(self, showing: Showing) -> Showing:
        """Sets the budget."""
        return replace(
            showing,
            budget=min(self.tokens or showing.budget, showing.budget),
            wanted_answer_tokens=self.answer_tokens or showing.wanted_answer_tokens,
            history=replace(showing.history, drop_to=self.drop_to),
        )
