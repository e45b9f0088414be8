"""What an agent does as lines for a person: each step's thought, its calls with their arguments, what came of them.

A result is as long as a tool makes it, so only its beginning is shown, with a mark that says how much is missing; the
trace holds the whole. Everything was written by a model or a tool, so what a terminal would obey is left out.
"""

from appkit.agents.events import (
    AgentEvent,
    ApprovalRequired,
    CallRequested,
    StepStarted,
    SubagentEvent,
    TextDelta,
    ToolFinished,
    ToolStarted,
)
from appkit.cli.columns import wrapped
from appkit.cli.markdown import BOLD, DIM, Line, Run
from appkit.cli.printable import json_text, on_one_line, printable
from appkit.cli.texts import text
from appkit.messages import ToolCall

RED, CYAN = "31", "36"  # Select Graphic Rendition parameters (ECMA-48 §8.3.117)
MAX_SHOWN = 400  # characters of a call or of a result
_INDENT = "  "
_MIN_WIDTH = 16  # a narrower terminal wraps by itself


class AgentLines:
    """Events to lines: those that are final, each given once, and those that may still change."""

    def __init__(self, width: int, indent: str = "") -> None:
        self._width = max(width, _MIN_WIDTH)
        self._indent = indent
        self._said = ""  # by the model in this step, from its last line break on
        self._running: ToolCall | None = None
        self._sub_agent: AgentLines | None = None

    def take(self, event: AgentEvent) -> list[Line]:
        """The lines that `event` makes final."""
        if isinstance(event, SubagentEvent):
            self._sub_agent = self._sub_agent or AgentLines(self._width, self._indent + 2 * _INDENT)
            return self._sub_agent.take(event.event)
        if isinstance(event, TextDelta):
            *whole, self._said = (self._said + printable(event.text)).split("\n")
            return [line for said in whole for line in self._block(said, DIM)]
        lines = self.rest()
        self._running = event.call if isinstance(event, ToolStarted) else None
        match event:
            case StepStarted():
                lines.append((Run(self._indent + text("agent_step", number=event.step), BOLD),))
            case CallRequested():
                lines += self._block(f"→ {call_text(event.call)}", CYAN)
            case ApprovalRequired():
                lines += self._block(text("agent_waits", id=on_one_line(event.call.id)), BOLD)
            case ToolFinished():
                mark, style = ("✗", RED) if event.result.is_error else ("←", "")
                lines += self._block(f"{mark} {shortened(printable(event.result.text).strip())}", style)
        return lines

    def unfinished(self) -> list[Line]:
        """What stands after those for now."""
        if self._sub_agent is not None:
            return self._sub_agent.unfinished()
        if self._running is not None:
            return self._block(text("agent_running", tool=on_one_line(self._running.name)), DIM)
        return self._block(self._said, DIM)

    def rest(self) -> list[Line]:
        """What the model wrote and no line break ended, those of a sub-agent included; no more of it is to come."""
        lines = self._sub_agent.rest() if self._sub_agent is not None else []
        said, self._said, self._sub_agent = self._said, "", None
        return [*lines, *self._block(said, DIM)]

    def _block(self, words: str, style: str) -> list[Line]:
        if not words.strip():
            return []
        indent = self._indent + _INDENT
        rows = wrapped(words.replace("\t", "    ").rstrip(), max(_MIN_WIDTH, self._width - len(indent))).split("\n")
        return [(Run(indent + row, style),) for row in rows]


def call_text(call: ToolCall) -> str:
    """A call on one line, as far as it is shown."""
    return f"{on_one_line(call.name)} {shortened(json_text(dict(call.arguments)))}"


def shortened(words: str, limit: int = MAX_SHOWN) -> str:
    """The beginning of `words`, and how many characters are missing."""
    return words if len(words) <= limit else words[:limit] + text("agent_more", count=len(words) - limit)
