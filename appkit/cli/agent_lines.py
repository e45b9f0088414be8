"""What an agent does as lines for a person: each step's thought, its calls with their arguments, what came of them.

A result is as long as a tool makes it, so only its beginning is shown, with a mark that says how much is missing; the
trace holds the whole. Everything was written by a model or a tool, so what a terminal would obey is left out.
"""

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
from appkit.agents.react_words import WORDS
from appkit.cli.columns import wrapped
from appkit.cli.markdown import BOLD, DIM, Line, Run
from appkit.cli.printable import json_text, on_one_line, printable
from appkit.cli.texts import text
from appkit.messages import ToolCall

RED, CYAN = "31", "36"  # Select Graphic Rendition parameters (ECMA-48 §8.3.117)
MAX_SHOWN = 400  # characters of a call or of a result
_CALL_LABELS = tuple(label for words in WORDS.values() for label in (words.action, words.action_input))
_INDENT = "  "
_MIN_WIDTH = 16  # a narrower terminal wraps by itself


class AgentLines:
    """Events to lines: those that are final, each given once, and those that may still change.

    What the model writes may change until its step is read: of a call only the thought before it stays, as the call
    itself is shown after it, and of the answer too, as that is printed at the end.
    """

    def __init__(self, width: int, indent: str = "") -> None:
        self._width = max(width, _MIN_WIDTH)
        self._indent = indent
        self._said = ""  # by the model in this step
        self._thought = ""
        self._running: ToolCall | None = None
        self._sub_agent: AgentLines | None = None

    def take(self, event: AgentEvent) -> list[Line]:
        """The lines that `event` makes final."""
        self._running = event.call if isinstance(event, ToolStarted) else None
        match event:
            case SubagentEvent():
                self._sub_agent = self._sub_agent or AgentLines(self._width, self._indent + 2 * _INDENT)
                return self._sub_agent.take(event.event)
            case TextDelta():
                self._said += printable(event.text)
                return []
            case StepStarted():
                return [*self.rest(), (Run(self._indent + text("agent_step", number=event.step), BOLD),)]
            case CallRequested():
                thought, self._said = _before_call(self._said), ""
                return [*self._block(thought, DIM), *self._block(f"→ {call_text(event.call)}", CYAN)]
            case ApprovalRequired():
                return self._block(text("agent_waits", id=on_one_line(event.call.id)), BOLD)
            case ToolFinished():
                mark, style = ("✗", RED) if event.result.is_error else ("←", "")
                shown = shortened(printable(event.result.text).strip())
                return [*self.rest(), *self._block(f"{mark} {shown}", style)]
            case StepFinished():
                self._thought = "" if event.step.calls else event.step.thought
            case Finished() if event.result.stopped_because not in ("approval", "cancelled"):
                self._said = printable(self._thought)
                return self.rest()
        return []

    def unfinished(self) -> list[Line]:
        """What stands after those for now."""
        if self._sub_agent is not None:
            return self._sub_agent.unfinished()
        if self._running is not None:
            return self._block(text("agent_running", tool=on_one_line(self._running.name)), DIM)
        return self._block(self._said, DIM)

    def rest(self) -> list[Line]:
        """What was written and led to nothing, that of a sub-agent included; no more of it is to come."""
        lines = self._sub_agent.rest() if self._sub_agent is not None else []
        said, self._said, self._sub_agent = self._said, "", None
        return [*lines, *self._block(said, DIM)]

    def _block(self, words: str, style: str) -> list[Line]:
        if not words.strip():
            return []
        indent = self._indent + _INDENT
        rows = wrapped(words.replace("\t", "    ").rstrip(), max(_MIN_WIDTH, self._width - len(indent))).split("\n")
        return [(Run(indent + row, style),) for row in rows]


def _before_call(said: str) -> str:
    """The thought before a call that is written as text."""
    lines = said.strip().split("\n")
    is_call = [line.startswith(_CALL_LABELS) for line in [*lines, _CALL_LABELS[0]]]
    return "\n".join(lines[: is_call.index(True)])


def call_text(call: ToolCall) -> str:
    """A call on one line, as far as it is shown."""
    return f"{on_one_line(call.name)} {shortened(json_text(dict(call.arguments)))}"


def shortened(words: str, limit: int = MAX_SHOWN) -> str:
    """The beginning of `words`, and how many characters are missing."""
    return words if len(words) <= limit else words[:limit] + text("agent_more", count=len(words) - limit)
