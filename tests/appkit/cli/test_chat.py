"""`appkit chat`, line by line from a pipe and at a real terminal."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.appkit.cli.command import SCRIPTED, appkit, environment


def test_piped_lines_are_turns_of_one_conversation(tmp_path: Path) -> None:
    done = appkit("chat", "-m", SCRIPTED, home=tmp_path, stdin="one\n\ntwo\n/stats\n")
    assert done.stdout == "Hello there\nAnd again\n"
    assert done.stderr.startswith("Turns: 2. Tokens read: ")


def test_json_gives_one_line_a_turn(tmp_path: Path) -> None:
    done = appkit("chat", "-m", SCRIPTED, "--json", home=tmp_path, stdin="one\n/help\ntwo")
    turns = [json.loads(line) for line in done.stdout.splitlines()]
    assert [turn["text"] for turn in turns] == ["Hello there", "And again"]
    assert list(turns[0]) == ["text", "token_ids", "finish_reason", "usage", "timings"]
    assert turns[1]["usage"]["cached_tokens"] > 0


def test_commands_change_the_conversation_and_answer_on_standard_error(tmp_path: Path) -> None:
    lines = "/system\n/system Be kind.\n/system\nhi\n/reset\n/stats\n/nonsense\n//slash\n/exit\nnever\n"
    done = appkit("chat", "-m", SCRIPTED, home=tmp_path, stdin=lines)
    assert done.stdout == "Hello there\nAnd again\n"
    said = done.stderr.splitlines()
    assert said[0] == "There is no system message."
    assert said[1:3] == ["From the next turn on: Be kind.", "System message: Be kind."]
    assert said[3] == "A new conversation."
    assert said[4].startswith("Turns: 0.")
    assert said[5] == "/nonsense is no command; /help lists them."


def test_a_script_stops_at_its_first_error(tmp_path: Path) -> None:
    done = appkit("chat", "-m", SCRIPTED, home=tmp_path, stdin=f"one\n{'x' * 9000}\ntwo\n")
    assert done.returncode == 1
    assert done.stdout == "Hello there\n"
    assert "9,0" in done.stderr
    assert "8,192" in done.stderr


class Terminal:
    """`appkit chat` behind a pseudo-terminal."""

    def __init__(self, home: Path, code: str) -> None:
        self.primary, secondary = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=secondary,
            stdout=secondary,
            stderr=secondary,
            env=environment(home, TERM="dumb", PROMPT_TOOLKIT_NO_CPR="1"),
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(secondary)
        self.seen = ""

    def type(self, keys: str) -> None:
        os.write(self.primary, keys.encode())

    def wait_for(self, pattern: str, timeout_s: float = 15) -> str:
        """Text up to and with `pattern`, which is then taken off what was seen."""
        end = time.monotonic() + timeout_s
        while (found := re.search(pattern, self.seen)) is None:
            assert time.monotonic() < end, f"no {pattern!r} in {self.seen!r}"
            if select.select([self.primary], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.primary, 65536).decode(errors="replace")
                except OSError:  # the other end is closed
                    assert re.search(pattern, self.seen), f"ended without {pattern!r}: {self.seen!r}"
        before, self.seen = self.seen[: found.end()], self.seen[found.end() :]
        return before

    def leave(self) -> int:
        """Exit status after Ctrl-D; pressed again, because the prompt shows a moment before it takes keys."""
        for _ in range(50):
            self.type("\x04")
            try:
                return self.process.wait(0.2)
            except subprocess.TimeoutExpired:
                continue
        raise AssertionError(f"still there: {self.seen!r}")

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        os.close(self.primary)


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


# A model that never comes to an end by itself: each character takes a moment.
SLOW = """
import sys, time
from appkit.llm import scripted

def slowly(self, _iter=scripted.ScriptedStream.__iter__):
    for piece in _iter(self):
        time.sleep(0.01)
        yield piece

scripted.ScriptedStream.__iter__ = slowly
scripted.ScriptedModel.__init__.__kwdefaults__["max_seq_len"] = MAX_SEQ_LEN
from appkit.cli.main import main
main(["chat", "-m", "scripted:" + "tick " * 10_000 + "|short answer"])
"""


def slow_chat(max_seq_len: int = 100_000) -> str:
    return SLOW.replace("MAX_SEQ_LEN", str(max_seq_len))


@pytest.fixture
def terminal(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path, getattr(request, "param", slow_chat()))
    yield terminal
    terminal.close()


def test_ctrl_c_stops_the_answer_and_keeps_the_chat(terminal: Terminal) -> None:
    terminal.wait_for(r"> ")
    terminal.type("hello\r")
    terminal.wait_for("tick tick ")
    terminal.type("\x03")
    terminal.wait_for(r"\(stopped\)")
    terminal.wait_for(r"> ")
    terminal.type("again\r")
    terminal.wait_for("short answer")
    terminal.wait_for(r"> ")
    terminal.type("/stats\r")
    terminal.wait_for(r"Turns: 2\.")
    terminal.wait_for(r"> ")
    assert terminal.leave() == 0


def test_ctrl_c_twice_at_the_prompt_leaves(terminal: Terminal) -> None:
    terminal.wait_for(r"> ")
    terminal.type("\x03")
    terminal.wait_for("once more")
    terminal.wait_for(r"> ")
    terminal.type("\x03")
    assert terminal.process.wait(20) == 0


@pytest.mark.parametrize("terminal", [slow_chat(max_seq_len=200)], indirect=True)
def test_an_error_at_the_terminal_is_said_and_the_chat_goes_on(terminal: Terminal) -> None:
    terminal.wait_for(r"> ")
    terminal.type("x" * 300 + "\r")
    terminal.wait_for("holds 200")
    terminal.wait_for(r"> ")
    terminal.type("hello\r")
    terminal.wait_for("tick tick")
    terminal.wait_for(r"> ")
    assert terminal.leave() == 0


def test_ctrl_c_ends_run_with_130(tmp_path: Path) -> None:
    code = slow_chat().replace('["chat", "-m"', '["run", "hi", "-m"')
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", code],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(tmp_path),
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.read(5) == "tick "
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (130, "")
