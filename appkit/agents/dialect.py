"""How an agent and a model speak of tools: what a dialect does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from appkit.agents.state import DialectName
from appkit.llm.base import Completion
from appkit.messages import Constraint, Message, ToolCall, ToolChoice, ToolSpec


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What goes to the model beside the messages."""

    tools: tuple[ToolSpec, ...] = ()
    tool_choice: ToolChoice = "auto"
    constraint: Constraint | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What a model said: calls, or an answer, or neither: then `fault` tells it what to do instead."""

    thought: str = ""
    calls: tuple[ToolCall, ...] = ()
    answer: str = ""
    fault: str = ""


class Dialect(Protocol):
    """One way to show a model tools and to read what it wants. Made for one run; holds nothing that changes."""

    @property
    def name(self) -> DialectName: ...

    @property
    def has_tools(self) -> bool: ...

    @property
    def closing_note(self) -> str:
        """What the model is told before its closing answer; "" where it cannot do anything but answer."""
        ...

    def head(self) -> tuple[Message, ...]:
        """What stands before the task: instructions, tools, examples."""
        ...

    def show(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """Messages of a state (a task, or a step with its results) as the model is to see them."""
        ...

    def ask(self, *, can_call: bool) -> Ask:
        """For the next turn; without `can_call` only an answer is wanted."""
        ...

    def read(self, completion: Completion, *, can_call: bool) -> Turn:
        """What the model said. Never raises, whatever it is."""
        ...
