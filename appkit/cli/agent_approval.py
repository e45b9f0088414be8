"""Asks the person at the terminal whether an agent may make a call: yes, no, or with other arguments."""

import contextlib
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from appkit.cli.printable import json_text, on_one_line
from appkit.cli.texts import text
from appkit.messages import ToolCall
from appkit.strict_json import loads

if TYPE_CHECKING:
    from appkit.agents import AgentState
    from appkit.tools import Tool

_ALL = "all"
_YES, _NO, _EDIT = ("y", "yes", "是", "好"), ("n", "no", "否", "不"), ("e", "edit", "改")

Approval = bool | Mapping[str, Any]  # yes, no, or the arguments to call with instead


def waiting_calls(state: "AgentState", tools: "Sequence[Tool]") -> tuple[ToolCall, ...]:
    """The calls of a run that a person must decide about. One that was begun already is not made again."""
    gated = {tool.name for tool in tools if tool.needs_approval}
    waiting = [each.call for each in state.open_calls if each.result is None and not each.was_started]
    return tuple(call for call in waiting if call.name in gated)


def ask_approvals(calls: Sequence[ToolCall]) -> dict[str, Approval] | None:
    """What the person says to each call, by its id; None where they leave (Ctrl-D), so that nothing is decided."""
    approvals: dict[str, Approval] = {}
    for call in calls:
        sys.stderr.write("".join(f"{line}\n" for line in shown(call)))
        approval = _ask(call)
        if approval is None:
            return None
        approvals[call.id] = approval
    return approvals


def read_approvals(
    calls: Sequence[ToolCall],
    *,
    approve: Sequence[str],
    deny: Sequence[str],
    edit: Sequence[str],
) -> dict[str, Approval]:
    """What options say to each call, by its id; `all` stands for those that no other option names.

    Raises:
        ValueError: an id that no call has or that is decided twice, or arguments that are no JSON object.
    """
    decisions: list[tuple[str, Approval]] = [*((id, True) for id in approve), *((id, False) for id in deny)]
    decisions += map(_read_edit, edit)
    ids = [call.id for call in calls]
    decided: dict[str, Approval] = {}
    for id, approval in decisions:
        if id not in (*ids, _ALL):
            raise ValueError(text("agent_no_such_call", id=id, known=", ".join(map(on_one_line, ids)) or "-"))
        if id in decided:
            raise ValueError(text("agent_decided_twice", id=id))
        decided[id] = approval
    return dict.fromkeys(ids, decided.pop(_ALL)) | decided if _ALL in decided else decided


def shown(call: ToolCall) -> list[str]:
    """A call as lines: its name, then every argument, whole: nobody approves what they cannot see.

    Characters that a terminal would obey, or that nobody sees, are shown as JSON's escapes.
    """
    lines = [text("agent_wants", tool=on_one_line(call.name), id=on_one_line(call.id))]
    for name, value in call.arguments.items():
        lines.append(
            f"    {name if name.isidentifier() and name.isprintable() else json_text(name)}: {json_text(value)}"
        )
    return lines if call.arguments else [*lines, f"    {text('agent_no_arguments')}"]


def read_arguments(typed: str) -> dict[str, Any]:
    """The JSON object that was typed. Raises ValueError in one sentence."""
    try:
        value = loads(typed)
    except RecursionError as error:
        raise ValueError(text("agent_arguments_not_json", reason="nested too deeply")) from error
    except ValueError as error:
        raise ValueError(text("agent_arguments_not_json", reason=error)) from error
    if not isinstance(value, dict):
        raise ValueError(text("agent_arguments_no_object"))
    return value


def _read_edit(given: str) -> tuple[str, Approval]:
    id, separator, typed = given.partition("=")
    if not separator:
        raise ValueError(text("agent_edit_form", given=given))
    return id, read_arguments(typed)


def _ask(call: ToolCall) -> Approval | None:
    _forget_typed_ahead()
    while True:
        sys.stderr.write(text("agent_may_it"))
        sys.stderr.flush()
        answer = sys.stdin.readline()
        if not answer:
            sys.stderr.write("\n")
            return None
        said = answer.strip().lower()
        if said in _YES:
            return True
        if said in _NO:
            return False
        if said in _EDIT and (arguments := _edit(call)) is not None:
            return arguments


def _forget_typed_ahead() -> None:
    """Drop keys that were pressed before the call was shown: they approve nothing."""
    import termios

    with contextlib.suppress(termios.error, OSError, ValueError):  # no terminal
        termios.tcflush(sys.stdin, termios.TCIFLUSH)


def _edit(call: ToolCall) -> dict[str, Any] | None:
    """The arguments as the person changed them; None where they thought better of it."""
    from prompt_toolkit import prompt  # 0.1 s, so only where someone edits

    draft = json_text(dict(call.arguments))
    while True:
        try:
            draft = prompt(f"{on_one_line(call.name)} ", default=draft)
            return read_arguments(draft)
        except ValueError as error:
            sys.stderr.write(text("error", message=error) + "\n")
        except (EOFError, KeyboardInterrupt):
            return None
