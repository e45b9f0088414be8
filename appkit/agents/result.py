"""What an agent gives back: its steps, its output, why it stopped, and the state to go on from."""

from dataclasses import dataclass, field
from typing import Any

from appkit.agents.limits import StopReason
from appkit.agents.state import AgentState
from appkit.errors import AgentStoppedError
from appkit.llm.base import Usage
from appkit.messages import ToolCall
from appkit.tools import ToolResult


@dataclass(frozen=True, kw_only=True)
class Step:
    """One turn of the model and what came of it.

    `results` belong to `calls` by place; fewer where a person must decide about the rest, or the run ended in between.
    `text` is what the model wrote, `thought` the part of it that comes before a call or an answer. `prompt_ids` and
    `token_ids` are the exact ids, empty where the model does not show them.
    """

    text: str
    thought: str = ""
    calls: tuple[ToolCall, ...] = ()
    results: tuple[ToolResult, ...] = ()
    usage: Usage
    prompt_ids: tuple[int, ...] = field(default=(), repr=False)
    token_ids: tuple[int, ...] = field(default=(), repr=False)
    seed: int | None = None


@dataclass(frozen=True, kw_only=True)
class AgentResult:
    """What came of a task, complete or not.

    Args:
        output: the answer as the asked-for type, a text where none was asked for; None where there is none.
        text: the answer as it was written, or the best there is: of a run that stopped early, its last words.
        steps: since the run began or was resumed.
        usage: tokens of these steps, those of sub-agents included.
        state: to go on from, in this process or another.
        pending: calls that wait for a person, with stopped_because "approval".
    """

    output: Any = None
    text: str
    stopped_because: StopReason
    steps: tuple[Step, ...] = ()
    usage: Usage
    state: AgentState | None = field(default=None, repr=False)
    pending: tuple[ToolCall, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether the model came to its answer by itself."""
        return self.stopped_because == "answered"

    def require_output(self) -> Any:
        """The output of a complete run. Raises AgentStoppedError, with the reason, for any other."""
        if self.is_complete:
            return self.output
        raise AgentStoppedError(
            f"The agent stopped after {len(self.steps)} steps, before its answer: {self.stopped_because}. "
            "AgentResult.text holds its last words, AgentResult.state what to go on from.",
            self.stopped_because,
            len(self.steps),
        )
