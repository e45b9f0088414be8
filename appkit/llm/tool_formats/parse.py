"""Calls and text out of what a model wrote. Nothing here raises, whatever the text: what is no call is text."""

import re
from collections.abc import Collection
from typing import Any

from appkit.llm.tool_formats.syntax import CallSyntax
from appkit.messages import ToolCall
from appkit.strict_json import CALL_DECODER

MAX_CHARS = 1 << 20  # longer answers are taken for text as they are
MAX_CALLS = 128
_ARGUMENT_KEYS = ("arguments", "parameters")
_BLANK = re.compile(r"\s*")


def parse_answer(text: str, syntax: CallSyntax, names: Collection[str]) -> tuple[str, tuple[ToolCall, ...]]:
    """The text beside the calls in `text`, and the calls, without ids.

    Forgiving where the meaning is certain (blanks, either key for the arguments, a missing closing), since a model that
    is not held to the grammar writes so. The text before the first call keeps its beginning; blanks around calls go.

    Args:
        names: of the tools there are. Where nothing marks a call, only these tell one from an answer in JSON; a mark
            makes a call of a tool that does not exist a call, too.
    """
    if len(text) > MAX_CHARS:
        return text, ()
    text = _without_opening(text, syntax)
    if not syntax.mark:
        found = _calls_at(text, _skip_blanks(text, 0), syntax)
        if found is None or not all(call.name in names for call in found[0]):
            return text, ()
        return text[found[1] :].strip(), found[0]
    calls: list[ToolCall] = []
    pieces: list[str] = []
    done = searched = 0
    while len(calls) < MAX_CALLS and (at := text.find(syntax.mark, searched)) >= 0:
        found = _calls_at(text, _after_opening(text, at, syntax), syntax)
        if found is None:
            searched = at + len(syntax.mark)
            continue
        pieces.append(text[done:at])
        calls += found[0]
        done = searched = found[1]
    if not calls:
        return text, ()
    before, *others = [*pieces, text[done:]]
    others = [stripped for piece in others if (stripped := piece.strip())]
    return "\n".join([before.rstrip(), *others] if before.strip() else others), tuple(calls[:MAX_CALLS])


class AnswerText:
    """The text of an answer while it comes: what may be the beginning of a call waits, a call is never shown."""

    def __init__(self, syntax: CallSyntax) -> None:
        self._syntax = syntax
        self._held = ""
        self._is_at_start = True
        self._is_plain = False  # it did not begin with a call, and nothing else marks one
        self.is_over = False  # a call has begun

    def push(self, text: str) -> str:
        """What of the answer can be shown now."""
        if self.is_over:
            return ""
        if self._is_plain:
            return text
        self._held += text
        if self._is_at_start and not self._pass_start():
            return ""
        return self._push_marked() if self._syntax.mark else self._push_unmarked()

    def _pass_start(self) -> bool:
        """Leave out what an answer in words begins with; False while that is not decided."""
        start = self._syntax.answer_opening.strip()
        begun = self._held.lstrip()
        if start and (not begun.strip() or start.startswith(begun) or begun.rstrip() == start):
            return False
        self._held = _without_opening(self._held, self._syntax)
        self._is_at_start = False
        return True

    def _push_unmarked(self) -> str:
        begun = self._held.lstrip()
        if not begun:
            return ""
        self.is_over = begun.startswith("{")
        self._is_plain = not self.is_over
        return "" if self.is_over else self._take(len(self._held))

    def _push_marked(self) -> str:
        mark = self._syntax.mark
        at = self._held.find(mark)
        if at >= 0:
            self.is_over = True
            return self._take(len(self._held[:at].rstrip()))
        lengths = range(min(len(mark) - 1, len(self._held)), 0, -1)
        could_be_mark = next((n for n in lengths if self._held.endswith(mark[:n])), 0)
        return self._take(len(self._held[: len(self._held) - could_be_mark].rstrip()))

    def _take(self, num_chars: int) -> str:
        taken, self._held = self._held[:num_chars], self._held[num_chars:]
        return taken


def _without_opening(text: str, syntax: CallSyntax) -> str:
    """`text` less what an answer in words begins with, and the blanks after it."""
    start = syntax.answer_opening.strip()
    begun = text.lstrip()
    return begun.removeprefix(start).lstrip() if start and begun.startswith(start) else text


def _after_opening(text: str, at: int, syntax: CallSyntax) -> int:
    """Where the call begins whose mark stands at `at`; what else opens it may be missing."""
    after = _skip_blanks(text, at + len(syntax.mark))
    rest = syntax.opening.removeprefix(syntax.mark).strip().removesuffix("[")
    return _skip_blanks(text, after + len(rest)) if rest and text.startswith(rest, after) else after


def _calls_at(text: str, at: int, syntax: CallSyntax) -> tuple[tuple[ToolCall, ...], int] | None:
    """The call or list of calls that stands at `at`, and where it ends with its closing; None where there is none."""
    try:
        value, end = CALL_DECODER.raw_decode(text, at)
    except (ValueError, RecursionError):
        return None
    read = [_call(item) for item in (value if isinstance(value, list) else [value])]
    calls = tuple(call for call in read if call is not None)
    if not calls or len(calls) < len(read):
        return None
    closing = syntax.closing.strip().removeprefix("]")  # a list brought its own
    after = _skip_blanks(text, end)
    return calls, after + len(closing) if closing and text.startswith(closing, after) else end


def _call(value: Any) -> ToolCall | None:
    if not isinstance(value, dict) or not isinstance(name := value.get("name"), str) or not name:
        return None
    arguments: Any = next((value[key] for key in _ARGUMENT_KEYS if key in value), {})
    return ToolCall(name=name, arguments=arguments) if isinstance(arguments, dict) else None


def _skip_blanks(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at
