"""Going on from a state: it must belong to the agent, and every call that waits must have been decided."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from appkit.agents.calling import argument_fault, needs_person
from appkit.agents.setup import Setup
from appkit.agents.state import AgentState, OpenCall
from appkit.messages import ToolCall
from appkit.tools import Tool

Approval = bool | Mapping[str, Any]
MAX_ARGUMENTS_CHARS = 1 << 20


def check_state(setup: Setup, state: AgentState) -> None:
    """Raise ValueError where `state` is not one of this agent, or its tools are no longer what they were."""
    if state.agent != setup.name:
        raise ValueError(f"The state belongs to the agent {state.agent[:80]!r}, and this one is {setup.name!r}.")
    digests = setup.digests()
    for name, digest in state.tools.items():
        if name not in digests:
            raise ValueError(
                f"The state was made with the tool {name[:80]!r}, which the agent does not have: give it again, or "
                "begin the task anew."
            )
        if digests[name] != digest:
            raise ValueError(
                f"The tool {name[:80]!r} takes other arguments than when the state was made: use the tool as it was, "
                "or begin the task anew."
            )


def apply_approvals(
    setup: Setup, state: AgentState, approvals: Mapping[str, Approval]
) -> tuple[AgentState, dict[str, bool]]:
    """The state with arguments as a person changed them, and what the person said of each call.

    Raises:
        ValueError: the task has its answer; a call that waits was not decided, or one that does not was; changed
            arguments do not fit the tool.
        TypeError: a decision is neither True, False nor arguments.
    """
    if state.is_answered:
        raise ValueError(
            "The task has its answer, so there is nothing to resume: run(task, state=…) takes a further one."
        )
    waiting = {call.id: call for call in waiting_calls(setup, state)}
    if unknown := [call_id for call_id in approvals if call_id not in waiting]:
        raise ValueError(f"No call {str(unknown[0])[:80]!r} waits for approval; those that do: {_listed(waiting)}.")
    if missing := [call_id for call_id in waiting if call_id not in approvals]:
        raise ValueError(
            f"The call {missing[0]!r} of {waiting[missing[0]].name} waits for approval: say True, False or the "
            f"arguments to call it with. Waiting: {_listed(waiting)}."
        )
    changed = [_apply(setup, each, approvals) for each in state.open_calls]
    verdicts = {call_id: approval is not False for call_id, approval in approvals.items()}
    return replace(state, open_calls=tuple(changed)), verdicts


def waiting_calls(setup: Setup, state: AgentState) -> list[ToolCall]:
    """Calls of the state that a person must decide about; those whose outcome is unknown are not made again."""
    return [
        each.call
        for each in state.open_calls
        if each.result is None and not each.was_started and needs_person(setup, each.call)
    ]


def _apply(setup: Setup, each: OpenCall, approvals: Mapping[str, Approval]) -> OpenCall:
    approval = cast(object, approvals.get(each.call.id, True))
    if isinstance(approval, bool):
        return each
    if not isinstance(approval, Mapping):
        raise TypeError(
            f"What was said of the call {each.call.id!r} is {type(approval).__name__}; it must be True, False or the "
            "arguments to call it with."
        )
    tool = setup.tool(each.call.name)
    assert tool is not None, "only calls of known tools wait"
    return replace(each, call=replace(each.call, arguments=_checked(tool, each.call, approval)))


def _checked(tool: Tool, call: ToolCall, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Changed arguments as plain JSON data that the tool takes."""
    try:
        written = json.dumps(dict(arguments), allow_nan=False)
        if len(written) > MAX_ARGUMENTS_CHARS:
            raise ValueError(f"they have {len(written):,} characters, at most {MAX_ARGUMENTS_CHARS:,} are taken")
        plain: Mapping[str, Any] = json.loads(written)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"The changed arguments of the call {call.id!r} are not JSON: {error}.") from error
    if fault := argument_fault(tool, replace(call, arguments=plain)):
        raise ValueError(f"The changed arguments of the call {call.id!r} do not fit {tool.name}: {fault}")
    return plain


def _listed(waiting: Mapping[str, ToolCall]) -> str:
    return ", ".join(f"{call_id} ({call.name})" for call_id, call in waiting.items()) or "none"
