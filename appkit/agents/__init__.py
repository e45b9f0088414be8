"""Models that act through tools. Names are imported when they are first used.

agent = Agent(tools=[calculator()])
result = agent.run("What is 17 * 23?")
print(result.output)
"""

from typing import TYPE_CHECKING

from appkit.lazy_names import lazy_names

if TYPE_CHECKING:
    from appkit.agents.agent import Agent
    from appkit.agents.events import (
        AgentEvent,
        ApprovalRequired,
        CallRequested,
        Finished,
        StepFinished,
        StepStarted,
        SubagentEvent,
        TextDelta,
        ToolFinished,
        ToolStarted,
    )
    from appkit.agents.limits import Limits, StopReason
    from appkit.agents.result import AgentResult, Step
    from appkit.agents.state import AgentState, OpenCall
    from appkit.agents.stream import AgentStream

_HOMES = {
    "Agent": "agent",
    "AgentEvent": "events",
    "AgentResult": "result",
    "AgentState": "state",
    "AgentStream": "stream",
    "ApprovalRequired": "events",
    "CallRequested": "events",
    "Finished": "events",
    "Limits": "limits",
    "OpenCall": "state",
    "Step": "result",
    "StepFinished": "events",
    "StepStarted": "events",
    "StopReason": "limits",
    "SubagentEvent": "events",
    "TextDelta": "events",
    "ToolFinished": "events",
    "ToolStarted": "events",
}

__all__ = [
    "Agent",
    "AgentEvent",
    "AgentResult",
    "AgentState",
    "AgentStream",
    "ApprovalRequired",
    "CallRequested",
    "Finished",
    "Limits",
    "OpenCall",
    "Step",
    "StepFinished",
    "StepStarted",
    "StopReason",
    "SubagentEvent",
    "TextDelta",
    "ToolFinished",
    "ToolStarted",
]

__getattr__ = lazy_names(__name__, _HOMES, globals())
