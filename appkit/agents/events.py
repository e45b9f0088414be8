"""What happens in a run, told while it happens.

A step is StepStarted, TextDelta …, then for each call CallRequested and either ToolStarted and ToolFinished or, where a
person must decide, ApprovalRequired; then StepFinished. Every run that is not interrupted ends with Finished. What a
sub-agent does comes between the ToolStarted and the ToolFinished of its call, each event wrapped in SubagentEvent.
"""

from dataclasses import dataclass

from appkit.agents.result import AgentResult, Step
from appkit.messages import ToolCall
from appkit.tools import ToolResult


@dataclass(frozen=True)
class StepStarted:
    """The model is asked; `step` counts from 1 over the whole task."""

    step: int


@dataclass(frozen=True)
class TextDelta:
    """A piece of what the model writes."""

    text: str


@dataclass(frozen=True)
class CallRequested:
    """The model wants to call a tool."""

    call: ToolCall


@dataclass(frozen=True)
class ApprovalRequired:
    """The call waits for a person; the run will end with the reason "approval"."""

    call: ToolCall


@dataclass(frozen=True)
class ToolStarted:
    """The tool is called now. What it does may have an effect, whatever happens to this process."""

    call: ToolCall


@dataclass(frozen=True)
class ToolFinished:
    """What came of a call. A call that was not made, because of a limit or a refusal, has a result and no start."""

    call: ToolCall
    result: ToolResult


@dataclass(frozen=True)
class StepFinished:
    """The step as a whole."""

    step: Step


@dataclass(frozen=True)
class SubagentEvent:
    """What the sub-agent that `call` runs did."""

    call: ToolCall
    event: "AgentEvent"


@dataclass(frozen=True)
class Finished:
    """The last event."""

    result: AgentResult


AgentEvent = (
    StepStarted
    | TextDelta
    | CallRequested
    | ApprovalRequired
    | ToolStarted
    | ToolFinished
    | StepFinished
    | SubagentEvent
    | Finished
)
