"""`AgentState`: where a run stands, as data that another process can go on from.

A state holds what was said with the ids it was said in, the calls of the last step with what came of each, and what the
limits have counted. It holds no approval: a call that needs one waits until `resume` is given it. A call that was
started and whose result is not here has an unknown outcome, and is never made again by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from appkit.messages import Message, ToolCall
from appkit.tools import ToolResult

DialectName = Literal["tools", "react"]
CORRECTION = "correction"  # name of a user's message that the agent wrote itself: what was wrong with an answer


@dataclass(frozen=True, kw_only=True)
class OpenCall:
    """A call of the last step: it waits, or was started, or has its result."""

    call: ToolCall
    was_started: bool = False
    result: ToolResult | None = None

    @property
    def is_outcome_unknown(self) -> bool:
        """Whether it may have had an effect that nobody has seen."""
        return self.was_started and self.result is None


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What a task has taken of its limits so far. `repeats` counts calls by `call_key`."""

    steps: int = 0
    tool_calls: int = 0
    tokens: int = 0
    seconds: float = 0.0
    tool_errors: int = 0  # in a row
    repairs: int = 0  # answers in a row that could not be read or were refused
    repeats: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class AgentState:
    """A run between two things that happen in it.

    Args:
        agent: the agent's name.
        tools: a digest of each tool's schema by its name, so that a state meets the tools it was made with.
        messages: tasks, what the model wrote, results of its calls and corrections, in order; without instructions.
        task_start: which of them is the task at hand.
        open_calls: calls of the last message, while not all of them have their result.
        seed: the run's, which every step's is derived from.
    """

    agent: str
    dialect: DialectName
    tools: Mapping[str, str]
    messages: tuple[Message, ...]
    task_start: int
    open_calls: tuple[OpenCall, ...] = ()
    spent: Spent = field(default_factory=Spent)
    seed: int = 0

    @property
    def is_answered(self) -> bool:
        """Whether the task has its answer, so that only a further task can follow."""
        last = self.messages[-1]
        return last.role == "assistant" and not last.tool_calls

    @property
    def unknown_outcomes(self) -> tuple[ToolCall, ...]:
        """Calls that were started and whose results are not known."""
        return tuple(each.call for each in self.open_calls if each.is_outcome_unknown)

    def to_json(self) -> str:
        """The state as JSON, for `from_json` in any process. Raises ValueError where it is larger than that takes."""
        from appkit.agents.state_codec import write_state

        return write_state(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> "AgentState":
        """The state in `text`, which may come from anyone. Raises ValueError with what is wrong and where."""
        from appkit.agents.state_codec import read_state

        return read_state(text)
