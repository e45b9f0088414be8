"""`Window`: the last turns."""

from dataclasses import dataclass

from appkit.chat.memory.base import Memory
from appkit.chat.memory.showing import Showing


@dataclass(frozen=True, kw_only=True)
class Window(Memory):
    """Shows at most so many turns before the question. Fewer still where these do not fit the model.

    A window that moved at every turn would have all of it computed anew each time; so turns leave it a quarter of the
    window at once, and what stays in front is found in the KV cache meanwhile.

    Raises:
        ValueError: `turns` is below 1.
    """

    turns: int

    def __post_init__(self) -> None:
        if self.turns < 1:
            raise ValueError(f"turns is {self.turns}; show at least 1, or begin a new conversation for each question.")

    def arrange(self, showing: Showing) -> Showing:
        """Leaves out the turns before the window."""
        too_many = len(showing.history.items) - self.turns
        if too_many <= 0:
            return showing
        step = max(1, self.turns // 4)
        return showing.shown_from(-(-too_many // step) * step)
