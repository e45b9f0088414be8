"""The loop of `appkit chat`: read a line, do what it says or answer it, until there are no more."""

import signal
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from appkit.chat import Chat
from appkit.cli.report import completion_json, print_pieces
from appkit.cli.texts import text


class Lines(Protocol):
    """Where a chat's lines come from."""

    survives_errors: bool  # a person can try again; a script's later lines rest on what failed

    def read(self) -> str | None:
        """The next line, or None to leave."""
        ...


class PipedLines:
    """Lines of a file or pipe."""

    survives_errors = False

    def __init__(self, source: TextIO) -> None:
        self._source = source

    def read(self) -> str | None:
        line = self._source.readline()
        return line.rstrip("\n") if line else None


class TerminalLines:
    """Lines typed by a person, with history and editing. Ctrl-C twice in a row, or Ctrl-D, leaves."""

    survives_errors = True

    def __init__(self) -> None:
        from prompt_toolkit import PromptSession  # 0.13 s, so only where someone types

        self._session: PromptSession[str] = PromptSession()

    def read(self) -> str | None:
        for attempt in range(2):
            try:
                return self._session.prompt("> ")
            except EOFError:
                return None
            except KeyboardInterrupt:
                if attempt == 0:
                    sys.stderr.write(text("chat_leave") + "\n")
        return None


class LineLoop(ABC):
    """Lines that are answered or, where they begin with a slash, obeyed. What an answer is, a subclass knows."""

    help_key: str  # in texts.py

    def __init__(self, lines: Lines, *, json: bool = False) -> None:
        self._lines = lines
        self._json = json

    def run(self) -> None:
        """Until the lines end or one of them says /exit.

        Raises:
            AppkitError, ModelRuntimeError, ValueError: what failed, where the lines come from a script; at a terminal
                it is said, and the conversation goes on.
        """
        while (line := self._lines.read()) is not None:
            if not line.strip():
                continue
            try:
                if line.startswith("/") and not line.startswith("//"):
                    if self._obey(line.strip()):
                        return
                else:
                    self.answer(line.removeprefix("/") if line.startswith("//") else line)
            except Exception as error:
                from appkit.cli.main import sentence_of

                if not self._lines.survives_errors or (sentence := sentence_of(error)) is None:
                    raise
                sys.stderr.write(text("error", message=sentence) + "\n")

    @abstractmethod
    def answer(self, question: str) -> None:
        """Answer a line on standard output."""

    @abstractmethod
    def obey(self, command: str, rest: str) -> bool:
        """Do a command of this loop's own; False where there is none of that name."""

    def _obey(self, line: str) -> bool:
        """Do a command; True to leave."""
        command, _, rest = line.partition(" ")
        if command in ("/exit", "/quit"):
            return True
        if command == "/help":
            self.say(text(self.help_key))
        elif not self.obey(command, rest.strip()):
            self.say(text("chat_unknown", command=command))
        return False

    def say(self, words: str, *, to_person: bool = True) -> None:
        """A line that is not the model's: to standard error where standard output is for a program."""
        stream = sys.stderr if to_person and (self._json or not self._lines.survives_errors) else sys.stdout
        stream.write(words + "\n")
        stream.flush()


class ChatLoop(LineLoop):
    """One conversation between `lines` and standard output. Does not own the chat."""

    help_key = "chat_help"

    def __init__(self, chat: Chat, lines: Lines, *, json: bool = False) -> None:
        super().__init__(lines, json=json)
        self._chat = chat

    def answer(self, question: str) -> None:
        turn = self._chat.stream(question)
        try:
            if not self._json:
                print_pieces(turn)
            answer = turn.result()
            if self._json:
                self.say(completion_json(answer), to_person=False)
        except KeyboardInterrupt:
            with ignoring_ctrl_c():
                turn.cancel()
            if not self._lines.survives_errors:
                raise
            self.say(text("chat_stopped"))

    def obey(self, command: str, rest: str) -> bool:
        match command:
            case "/system":
                self._system(rest)
            case "/stats":
                self._stats()
            case "/reset":
                self._chat.reset()
                self.say(text("chat_reset"))
            case _:
                return False
        return True

    def _system(self, new: str) -> None:
        if new:
            self._chat.system = new
            self.say(text("chat_system_set", system=new))
            return
        system = self._chat.system
        if system is None:  # the model's own, where it has one
            system = getattr(self._chat.model, "system_prompt", "")
        self.say(text("chat_system_is", system=system) if system else text("chat_system_none"))

    def _stats(self) -> None:
        from dataclasses import asdict

        self.say(text("chat_stats", **asdict(self._chat.stats())))


@contextmanager
def ignoring_ctrl_c() -> Iterator[None]:
    """Someone who presses Ctrl-C again and again wants the answer to stop, not the chat to end."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
