"""An agent as a tool of another: it works within what the other has left, and its steps are seen from there."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from appkit.agents.events import AgentEvent, Finished, SubagentEvent
from appkit.agents.result import AgentResult
from appkit.errors import ContextOverflowError, ToolError
from appkit.messages import ToolCall, ToolSpec
from appkit.tools import Tool, ToolResult

if TYPE_CHECKING:
    from appkit.agents.agent import Agent
    from appkit.agents.run import Run

PARAMETERS: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "task": {"type": "string", "minLength": 1, "description": "what it shall do, with all it needs to know"}
    },
    "required": ["task"],
    "additionalProperties": False,
}


@dataclass(frozen=True, kw_only=True, eq=False)
class AgentTool(Tool):
    """A tool that is an agent. A calling agent runs it step by step; whoever else calls it gets its answer."""

    agent: "Agent" = field(repr=False)


def build_agent_tool(agent: "Agent") -> AgentTool:
    """The tool. Raises ValueError where it cannot be one: its name is none, or it needs a person."""
    gated = [tool.name for tool in agent.tools if tool.needs_approval]
    if gated:
        raise ValueError(
            f"The agent {agent.name!r} has tools that need approval ({', '.join(gated)}), and a sub-agent cannot wait "
            "for a person: give them to the agent that calls it."
        )
    limits = agent.limits

    def ask(task: str) -> str:
        result = _result(agent.run(task))
        if result.is_error:
            raise ToolError(result.text, agent.name)
        return result.text

    return AgentTool(
        spec=ToolSpec(name=agent.name, description=agent.description or _about(agent), parameters=PARAMETERS),
        function=ask,
        timeout_s=limits.seconds,
        read_arguments=_read_arguments,
        agent=agent,
    )


def run_subagent(run: "Run", tool: AgentTool, call: ToolCall) -> Generator[AgentEvent, None, ToolResult]:
    """The sub-agent's work as events, then its answer. What it takes counts for `run`."""
    limits = run.budget.for_subagent(tool.agent.limits)
    if limits is None:
        return ToolResult(text=f"{tool.name} was not asked: too little is left of the limits.", is_error=True)
    try:
        task = _read_arguments(call.arguments)["task"]
    except ValueError as error:
        return ToolResult(text=str(error), is_error=True)
    if not task.strip():
        return ToolResult(text="The task is empty: say what shall be done.", is_error=True)
    seconds = run.budget.seconds_left
    result = None
    try:
        events = tool.agent.work_within(run, task, call_id=call.id, limits=limits)
    except ContextOverflowError as error:  # the caller's model wrote more than this one holds, and can write less
        return ToolResult(text=str(error), is_error=True)
    for event in events:
        yield SubagentEvent(call, event)
        if isinstance(event, Finished):
            result = event.result
    assert result is not None and result.state is not None, "a run ends with Finished"
    run.budget.count_subagent(result.state.spent)
    run.subagent_usage.append(result.usage)
    return _result(result, seconds - run.budget.seconds_left)


def _result(result: AgentResult, seconds: float = 0.0) -> ToolResult:
    if result.is_complete:
        return ToolResult(text=result.text, seconds=seconds, value=result.output)
    note = f"[It stopped early, for want of an answer: {result.stopped_because}.]"
    return ToolResult(text=f"{result.text}\n{note}".strip(), is_error=not result.text, seconds=seconds)


def _read_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    task = given.get("task")
    if not isinstance(task, str) or not task:
        raise ValueError("Argument 'task' is missing: say what shall be done, as a text.")
    if unknown := sorted(set(given) - {"task"}):
        raise ValueError(f"There is no argument {unknown[0][:80]!r}; there is: task.")
    return {"task": task}


def _about(agent: "Agent") -> str:
    names = ", ".join(tool.name for tool in agent.tools)
    return f"Works on a task with these tools: {names}." if names else "Answers a question."
