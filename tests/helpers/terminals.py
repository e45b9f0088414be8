"""Terminals that tests type into and look at: one in Python over a pseudo-terminal, and tmux where it is there."""

import fcntl
import os
import pty
import re
import select
import shlex
import shutil
import struct
import subprocess
import termios
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.helpers.terminal_screen import TerminalScreen

WIDTH, HEIGHT = 80, 24
HAS_TMUX = shutil.which("tmux") is not None

CTRL_C, CTRL_D, ENTER, ALT_ENTER, UP, BACKSPACE = "\x03", "\x04", "\r", "\x1b\r", "\x1b[A", "\x7f"


class Terminal(ABC):
    """Runs a command. When it has ended, its status is shown, and a `cat` shows whether keys are still echoed."""

    @abstractmethod
    def type(self, keys: str) -> None:
        """Press keys."""

    @abstractmethod
    def text(self) -> str:
        """What is on the screen and above it, without spaces and empty rows at the end."""

    @abstractmethod
    def close(self) -> None:
        """End what still runs."""

    def wait_for(self, pattern: str, timeout_s: float = 30) -> str:
        """The text once it matches `pattern`; `$` is the end of a row."""
        end = time.monotonic() + timeout_s
        while re.search(pattern, text := self.text(), re.MULTILINE) is None:
            assert time.monotonic() < end, f"no {pattern!r} in:\n{text}"
            time.sleep(0.02)
        return text


class PtyTerminal(Terminal):
    """A pseudo-terminal, and a screen that understands what the command and prompt-toolkit write."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        self._primary, secondary = pty.openpty()
        fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        self._process = subprocess.Popen(
            ["sh", "-c", _then_cat(command)],
            stdin=secondary,
            stdout=secondary,
            stderr=secondary,
            env={**env, "PROMPT_TOOLKIT_NO_CPR": "1"},
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(secondary)
        self._screen = TerminalScreen(WIDTH, HEIGHT)
        self._half = b""  # of a character or code that is still to come

    def type(self, keys: str) -> None:
        os.write(self._primary, keys.encode())

    def text(self) -> str:
        while select.select([self._primary], [], [], 0)[0]:
            try:
                data = self._half + os.read(self._primary, 65536)
            except OSError:  # the other end is closed
                break
            whole = _whole(data)
            self._half = data[whole:]
            self._screen.write(data[:whole].decode())
        return self._screen.text.rstrip("\n")

    def close(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, 9)
        self._process.wait(10)
        os.close(self._primary)


class TmuxTerminal(Terminal):
    """A window of a tmux server of its own."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], folder: Path) -> None:
        self._socket = str(folder / "tmux")
        self._env = dict(env)
        size = ["-x", str(WIDTH), "-y", str(HEIGHT)]
        self._tmux("-f", "/dev/null", "new-session", "-d", *size, _then_cat(command))

    def type(self, keys: str) -> None:
        self._tmux("send-keys", "-H", *(f"{byte:02x}" for byte in keys.encode()))

    def text(self) -> str:
        rows = self._tmux("capture-pane", "-p", "-S", "-").split("\n")
        return "\n".join(row.rstrip() for row in rows).rstrip("\n")

    def close(self) -> None:
        self._tmux("kill-server")

    def _tmux(self, *args: str) -> str:
        command = ["tmux", "-u", "-S", self._socket, *args]
        return subprocess.run(command, env=self._env, capture_output=True, check=True, timeout=30).stdout.decode()


def _then_cat(command: Sequence[str]) -> str:
    # Ctrl-C reaches the shell too; a trap, unlike ignoring it, is not handed on to the command.
    return f'trap : INT; {shlex.join(command)}; echo "left with $?"; exec cat'


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _whole(data: bytes) -> int:
    """How many bytes of `data` are whole characters and codes."""
    code = data.rfind(b"\x1b")
    if code >= 0 and re.fullmatch(rb"\x1b(\[[0-9;?]*)?", data[code:]):
        return code
    for back in range(1, min(4, len(data)) + 1):
        if data[-back] >= 0xC0:  # the first byte of a character
            size = 2 if data[-back] < 0xE0 else 3 if data[-back] < 0xF0 else 4
            return len(data) - back if size > back else len(data)
    return len(data)
