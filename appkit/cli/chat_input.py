"""Where a chat's lines come from: a pipe, or a person who types, with history, editing and messages of many lines.

Enter sends. It begins a new line instead after a backslash, which then goes away, and inside a block that a line of
``` opened and none closed yet; Alt-Enter always begins one. What is pasted keeps its line breaks.
"""

import re
import sys
from typing import TYPE_CHECKING, Protocol, TextIO

from appkit.cli.texts import text

if TYPE_CHECKING:
    from prompt_toolkit.history import History
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

_FENCE = re.compile(r"^ {0,3}```", re.MULTILINE)
_LONE_BACKSLASH = re.compile(r"(?<!\\)(?:\\\\)*\\\Z")


class Lines(Protocol):
    """Where a chat's lines come from."""

    survives_errors: bool  # a person can try again; a script's later lines rest on what failed

    def read(self, draft: str = "") -> str | None:
        """The next line, or None to leave. A person gets `draft` to change and send."""
        ...


class PipedLines:
    """Lines of a file or pipe."""

    survives_errors = False

    def __init__(self, source: TextIO) -> None:
        self._source = source
        self._num_read = 0

    def read(self, draft: str = "") -> str | None:
        """The next line. Raises ValueError where it is not UTF-8."""
        try:
            line = self._source.readline()
            line.encode()  # in some locales Python lets bytes through that are no text
        except UnicodeError as error:
            raise ValueError(text("chat_line_not_text", number=self._num_read + 1)) from error
        self._num_read += 1
        return line.rstrip("\n") if line else None


class TerminalLines:
    """Lines typed by a person. Ctrl-C twice in a row, or Ctrl-D, leaves.

    Args:
        history: what the arrow keys find; None finds only what was typed since.
    """

    survives_errors = True

    def __init__(self, history: "History | None" = None) -> None:
        from prompt_toolkit import PromptSession  # 0.1 s, so only where someone types

        self._session: PromptSession[str] = PromptSession(
            history=history, multiline=True, key_bindings=_key_bindings(), prompt_continuation="  "
        )

    def read(self, draft: str = "") -> str | None:
        for attempt in range(2):
            try:
                return self._session.prompt("> ", default=draft)
            except EOFError:
                return None
            except KeyboardInterrupt:
                if attempt == 0:
                    sys.stderr.write(text("chat_leave") + "\n")
        return None


def goes_on(typed: str) -> bool:
    """Whether Enter begins a new line because a block is still open."""
    return len(_FENCE.findall(typed)) % 2 == 1


def _key_bindings() -> "KeyBindings":
    from prompt_toolkit.key_binding import KeyBindings

    bindings = KeyBindings()

    @bindings.add("enter")
    def enter(event: "KeyPressEvent") -> None:
        buffer = event.current_buffer
        document = buffer.document
        if document.is_cursor_at_the_end_of_line and _LONE_BACKSLASH.search(document.current_line_before_cursor):
            buffer.delete_before_cursor()
            buffer.newline(copy_margin=False)
        elif goes_on(buffer.text):
            buffer.newline(copy_margin=False)
        else:
            buffer.validate_and_handle()

    @bindings.add("escape", "enter")
    def alt_enter(event: "KeyPressEvent") -> None:
        event.current_buffer.newline(copy_margin=False)

    return bindings
