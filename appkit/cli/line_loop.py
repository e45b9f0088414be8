"""A loop over lines: read one, do what it says or answer it, until there are no more."""

import difflib
import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import ClassVar, TextIO

from appkit.cli.chat_input import Lines
from appkit.cli.columns import wrapped, wrapped_list
from appkit.cli.keyboard import CALM_S, one_ctrl_c, without_echo
from appkit.cli.texts import text


class LineLoop(ABC):
    """Lines that are answered or, where they begin with a slash, obeyed. What an answer is, a subclass knows."""

    help_key: ClassVar[str]  # in texts.py
    commands: ClassVar[tuple[str, ...]]  # of this loop's own

    def __init__(self, lines: Lines, *, json: bool = False) -> None:
        self._lines = lines
        self._json = json
        self._draft = ""  # stands in the next line when a person begins it
        self._was_draft = False  # it stood in the line that is done now

    def run(self) -> None:
        """Until the lines end or one of them says /exit.

        Raises:
            AppkitError, ModelRuntimeError, ValueError: what failed, where the lines come from a script; at a terminal
                it is said, and the conversation goes on.
        """
        while (line := self._read()) is not None:
            try:
                if self._do(line):
                    return
            except Exception as error:
                from appkit.cli.main import sentence_of

                if not self._lines.survives_errors or (sentence := sentence_of(error)) is None:
                    raise
                self._write(text("error", message=sentence), sys.stderr)
            except KeyboardInterrupt:
                if not self._lines.survives_errors:
                    raise
                self.say(text("chat_stopped"))

    @abstractmethod
    def answer(self, question: str) -> None:
        """Answer a line on standard output."""

    @abstractmethod
    def obey(self, command: str, rest: str) -> bool:
        """Do a command of this loop's own; False where there is none of that name."""

    def help(self) -> str:
        """The commands, one a line."""
        return text(self.help_key)

    def known_commands(self) -> tuple[str, ...]:
        """What `obey` does now, and what every loop does."""
        return (*self.commands, "/help", "/exit", "/quit")

    @contextmanager
    def interruptible(self, stop: Callable[[], None]) -> Iterator[None]:
        """For an answer: Ctrl-C ends the block and calls `stop`; a person's other keys wait for the next line.

        Raises:
            KeyboardInterrupt: after `stop`, where the lines come from a script, which ends with it.
        """
        is_person = self._lines.survives_errors
        with without_echo() if is_person else nullcontext(), one_ctrl_c(calm_s=CALM_S if is_person else 0):
            try:
                yield
            except KeyboardInterrupt:
                stop()
                if not is_person:
                    raise
                self.say(text("chat_stopped"))

    def say(self, words: str, *, to_person: bool = True, is_list: bool = False) -> None:
        """A line that is not the model's: to standard error where standard output is for a program.

        Args:
            is_list: lines of a name and what is said of it, one below the other.
        """
        stream = sys.stderr if to_person and (self._json or not self._lines.survives_errors) else sys.stdout
        self._write(words, stream, wrapped_list if is_list else wrapped)

    def _write(self, words: str, stream: TextIO, wrap: Callable[[str, int], str] = wrapped) -> None:
        if stream.isatty() and "\x1b" not in words:  # codes of colours take no columns
            words = wrap(words, shutil.get_terminal_size().columns)
        stream.write(words + "\n")
        stream.flush()

    def _read(self) -> str | None:
        draft, self._draft = self._draft, ""
        self._was_draft = bool(draft)
        return self._lines.read(draft)

    def _do(self, line: str) -> bool:
        """Answer or obey; True to leave."""
        if not line.strip():
            return False
        if not line.startswith("/") or line.startswith("//"):
            self.answer(line.removeprefix("/") if line.startswith("//") else line)
            return False
        command, _, rest = line.strip().partition(" ")
        if command in ("/exit", "/quit"):
            return True
        if command == "/help":
            self.say(self.help(), is_list=True)
        elif not self.obey(command, rest.strip()):
            self._say_unknown(command)
        return False

    def _say_unknown(self, command: str) -> None:
        near = difflib.get_close_matches(command, self.known_commands(), n=1)
        self.say(
            text("chat_unknown_near", command=command, near=near[0]) if near else text("chat_unknown", command=command)
        )
