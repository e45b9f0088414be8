"""The calls of one step, in their order: made, refused, or kept for a person to decide.

A call that needs approval is made only where this very run was given it. The calls after it wait too, for what it does
may matter to them; those among them that need approval are asked about at the same time.
"""

import json
from collections.abc import Generator

from appkit.agents.budget import MAX_TOOL_ERRORS
from appkit.agents.events import AgentEvent, ApprovalRequired, CallRequested, ToolFinished, ToolStarted
from appkit.agents.limits import StopReason
from appkit.agents.observation import fit_observation
from appkit.agents.run import Run
from appkit.agents.setup import Setup
from appkit.agents.subagent import AgentTool, run_subagent
from appkit.messages import ToolCall
from appkit.tools import Tool, ToolResult

MAX_CALLS = 8  # of one step
UNKNOWN_OUTCOME = (
    "Unknown outcome: this call was started, and the program ended before its result was stored. It may have had its "
    "effect. It was not made again."
)
REFUSED = "A person refused this call. Go on without it."
NOT_CALLED = {
    "tool_calls": "Not called: no more calls may be made.",
    "repeats": "Not called: the same call was made before, as often as is allowed.",
    "seconds": "Not called: the time is up.",
    "tool_errors": "Not called: several calls in a row failed.",
}

Calling = Generator[AgentEvent, None, StopReason | None]


def make_calls(run: Run) -> Calling:
    """Settle the open calls in their order. Why the run must stop, None where it goes on."""
    reason: StopReason | None = None
    for idx, each in enumerate(list(run.open_calls)):
        if each.result is not None:
            continue
        if reason != "approval" or needs_person(run.setup, each.call):
            yield CallRequested(each.call)
        if reason is None:
            reason = yield from _settle(run, idx)
        if reason == "cancelled":
            return reason
        if reason == "approval":
            if needs_person(run.setup, each.call):
                yield ApprovalRequired(each.call)
        elif reason is not None and run.open_calls[idx].result is None:
            text = UNKNOWN_OUTCOME if each.is_outcome_unknown else NOT_CALLED[reason]
            yield from _finish(run, idx, ToolResult(text=text, is_error=True))
    return reason


def close_calls(run: Run) -> None:
    """Where every call has its result, let the results be messages: as much of each as fits the model."""
    if all(each.result is not None for each in run.open_calls):
        share = run.prompting.observation_tokens // len(run.open_calls)
        run.close_step([_observation(run, idx, share) for idx in range(len(run.open_calls))])


def needs_person(setup: Setup, call: ToolCall) -> bool:
    """Whether `call` would be made if a person allowed it: nobody is asked about a call that cannot be made."""
    tool = setup.tool(call.name)
    return tool is not None and tool.needs_approval and not argument_fault(tool, call)


def argument_fault(tool: Tool, call: ToolCall) -> str:
    """What is wrong with the arguments; "" where nothing is."""
    try:
        tool.read_arguments(call.arguments)
    except Exception as error:  # a tool made by hand may raise what it likes
        return str(error) or type(error).__name__
    return ""


def _settle(run: Run, idx: int) -> Calling:
    each = run.open_calls[idx]
    call = each.call
    if each.is_outcome_unknown:
        yield from _finish(run, idx, ToolResult(text=UNKNOWN_OUTCOME, is_error=True))
        return None
    if (limit := run.budget.call_limit(call)) is not None:
        return limit
    tool = run.setup.tool(call.name)
    if tool is not None and needs_person(run.setup, call) and call.id not in run.verdicts:
        return "approval"
    run.budget.count_call(call)
    if run.verdicts.get(call.id) is False:
        yield from _finish(run, idx, ToolResult(text=REFUSED))
        return None
    if tool is None or idx >= MAX_CALLS:
        yield from _finish(run, idx, ToolResult(text=_why_not(run, call), is_error=True))
    elif tool.needs_approval and call.id not in run.verdicts:  # nobody was asked, as its arguments do not fit
        yield from _finish(run, idx, ToolResult(text=argument_fault(tool, call), is_error=True))
    else:
        yield from _make(run, idx, tool)
    return _after(run, idx)


def _make(run: Run, idx: int, tool: Tool) -> Generator[AgentEvent, None, None]:
    call = run.open_calls[idx].call
    run.set_started(idx)
    yield ToolStarted(call)
    if isinstance(tool, AgentTool):
        result = yield from run_subagent(run, tool, call)
    else:
        result = tool.run(call.arguments, timeout_s=run.budget.work_seconds_left, cancelled=run.cancellation.event)
    yield from _finish(run, idx, result)


def _finish(run: Run, idx: int, result: ToolResult) -> Generator[AgentEvent, None, None]:
    run.set_result(idx, result)
    call = run.open_calls[idx].call
    run.recorder.tool(call, result)
    yield ToolFinished(call, result)


def _after(run: Run, idx: int) -> StopReason | None:
    """Count what came of the call."""
    if run.cancellation.is_set:
        return "cancelled"
    result = run.open_calls[idx].result
    assert result is not None, run.open_calls[idx]
    run.budget.tool_errors = run.budget.tool_errors + 1 if result.is_error else 0
    return "tool_errors" if run.budget.tool_errors >= MAX_TOOL_ERRORS else None


def _why_not(run: Run, call: ToolCall) -> str:
    if run.setup.tool(call.name) is not None:
        return f"Not called: a step makes at most {MAX_CALLS} calls."
    names = ", ".join(tool.name for tool in run.setup.tools) or "none"
    return f"There is no tool {call.name[:80]!r}; there is: {names}."


def _observation(run: Run, idx: int, max_tokens: int) -> str:
    each = run.open_calls[idx]
    assert each.result is not None, each
    text = each.result.text
    if run.is_edited(idx):
        changed = json.dumps(dict(each.call.arguments), ensure_ascii=False)
        text = f"[A person changed the arguments to {changed}.]\n{text}"
    return fit_observation(text, run.model, max_tokens)
