"""How a run of an agent ended: the answer for a program, and words about it for a person."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appkit.cli.agent_lines import call_text
from appkit.cli.printable import printable
from appkit.cli.texts import text

if TYPE_CHECKING:
    from appkit.agents import AgentResult, AgentState, Step
    from appkit.messages import ToolCall


def result_json(result: "AgentResult") -> dict[str, Any]:
    """A run as plain values; the shape is promised to scripts."""
    usage = result.usage
    return {
        "output": result.output,
        "text": result.text,
        "stopped_because": result.stopped_because,
        "is_complete": result.is_complete,
        "steps": [*map(_step_json, result.steps)],
        "pending": [*map(_call_json, result.pending)],
        "usage": {
            "prompt_tokens": usage.prompt_tokens,
            "cached_tokens": usage.cached_tokens,
            "completion_tokens": usage.completion_tokens,
            "is_estimate": usage.is_estimate,
        },
    }


def print_result(result: "AgentResult", state_path: Path | None) -> None:
    """The answer, or the best there was when a limit was met, on standard output; why it stopped on standard error."""
    if result.stopped_because not in ("approval", "cancelled") and result.text.strip():
        shown = printable(result.text) if sys.stdout.isatty() else result.text
        sys.stdout.write(shown.rstrip("\n") + "\n")
        sys.stdout.flush()
    if result.stopped_because == "approval":
        print_waiting(result.pending, state_path)
    elif result.stopped_because != "answered":
        sys.stderr.write(text(f"agent_stopped_{result.stopped_because}") + "\n")
        if result.state is not None and state_path is not None:
            sys.stderr.write(text("agent_kept", file=state_path, quoted=shlex.quote(str(state_path))) + "\n")


def print_waiting(calls: "Sequence[ToolCall]", state_path: Path | None) -> None:
    """The calls that wait, and how to go on, on standard error."""
    for call in calls:
        sys.stderr.write(text("agent_pending", id=printable(call.id), call=call_text(call)) + "\n")
    if state_path is None:
        sys.stderr.write(text("agent_waits_unkept") + "\n")
    else:
        sys.stderr.write(
            text("agent_waits_kept", quoted=shlex.quote(str(state_path)), id=printable(calls[0].id)) + "\n"
        )


def print_unknown(state: "AgentState") -> None:
    """The calls that were begun and never seen to end, on standard error."""
    for call in state.unknown_outcomes:
        sys.stderr.write(text("agent_outcome_unknown", call=call_text(call)) + "\n")


def _step_json(step: "Step") -> dict[str, Any]:
    return {
        "thought": step.thought,
        "calls": [*map(_call_json, step.calls)],
        "results": [
            {"text": result.text, "is_error": result.is_error, "seconds": round(result.seconds, 4)}
            for result in step.results
        ],
        "text": step.text,
    }


def _call_json(call: "ToolCall") -> dict[str, Any]:
    return {"id": call.id, "name": call.name, "arguments": dict(call.arguments)}
