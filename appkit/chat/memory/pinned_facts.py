"""`PinnedFacts`: what is never forgotten."""

from dataclasses import dataclass, replace

from appkit.chat.memory.base import Memory
from appkit.chat.memory.showing import Showing
from appkit.chat.memory.wording import FACTS
from appkit.context import Item


@dataclass(frozen=True)
class PinnedFacts(Memory):
    """Facts that stand in the system message of every turn, and are never left out to make room.

    A model's own tested system message stays in front of them.
    """

    facts: tuple[str, ...]

    def __post_init__(self) -> None:
        if isinstance(self.facts, str):  # type: ignore[unreachable]
            raise TypeError(f"facts is the text {self.facts!r}; give a tuple of texts.")
        object.__setattr__(self, "facts", tuple(self.facts))

    def arrange(self, showing: Showing) -> Showing:
        """Adds the facts after those of others."""
        if not self.facts:
            return showing
        text = FACTS[showing.language].format(text="\n".join(f"- {fact}" for fact in self.facts))
        return replace(showing, facts=(*showing.facts, Item(id=f"facts {len(showing.facts) + 1}", text=text)))
