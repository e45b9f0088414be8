"""Lines that a person types, through prompt-toolkit itself with keys that a test presses."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input.base import PipeInput
from prompt_toolkit.input.defaults import create_pipe_input
from prompt_toolkit.output import DummyOutput

from appkit.cli.chat_history import MAX_ENTRIES, MAX_ENTRY_CHARACTERS, ChatHistory
from appkit.cli.chat_input import TerminalLines

UP, ALT_ENTER = "\x1b[A", "\x1b\r"


@pytest.fixture
def keys() -> Iterator[PipeInput]:
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        yield pipe


@pytest.mark.parametrize(
    ("pressed", "expected"),
    [
        ("hello\r", "hello"),
        ("one\\\rtwo\r", "one\ntwo"),
        ("ends in two \\\\\r", "ends in two \\\\"),
        (f"one{ALT_ENTER}two{ALT_ENTER}\r", "one\ntwo\n"),
        ("```py\rx = 1\r\ry\r```\r", "```py\nx = 1\n\ny\n```"),
        ("look:\\\r```\rcode\r```\r", "look:\n```\ncode\n```"),
        ("a ``` b\r", "a ``` b"),
        ("\x1b[200~first\r\nsecond\nthird\x1b[201~\r", "first\nsecond\nthird"),
        ("你好\\\r世界👍\r", "你好\n世界👍"),
    ],
)
def test_keys_make_a_message(pressed: str, expected: str, keys: PipeInput) -> None:
    keys.send_text(pressed)
    assert TerminalLines().read() == expected


def test_a_draft_can_be_changed_and_sent(keys: PipeInput) -> None:
    keys.send_text(", please\r")
    assert TerminalLines().read("one\ntwo") == "one\ntwo, please"


@pytest.mark.parametrize("pressed", ["\x04", "\x03\x03"])
def test_ctrl_d_and_ctrl_c_twice_leave(pressed: str, keys: PipeInput) -> None:
    keys.send_text(pressed)
    assert TerminalLines().read() is None


def test_history_is_there_in_the_next_chat(tmp_path: Path, keys: PipeInput) -> None:
    path = tmp_path / "folder" / "chat_history"
    keys.send_text("one\\\r二\rlast\r")
    first = TerminalLines(ChatHistory(path))
    assert [first.read(), first.read()] == ["one\n二", "last"]
    keys.send_text(f"{UP}{UP}\r")
    assert TerminalLines(ChatHistory(path)).read() == "one\n二"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_history_that_keeps_nothing_reads_and_does_not_write(tmp_path: Path) -> None:
    path = tmp_path / "chat_history"
    path.write_text('"before"\n')
    history = ChatHistory(path, keeps=False)
    history.append_string("secret")
    assert list(history.load_history_strings()) == ["before"]
    assert path.read_text() == '"before"\n'


def test_history_is_bounded_and_skips_what_is_no_entry(tmp_path: Path) -> None:
    path = tmp_path / "chat_history"
    broken = ['{"a": 1}', '"cut sho', "\x00\x80", "[" * 100_000, json.dumps("x" * (MAX_ENTRY_CHARACTERS + 1))]
    path.write_text("\n".join([*broken, *(json.dumps(f"entry {n}") for n in range(MAX_ENTRIES + 1))]) + "\n")
    entries = list(ChatHistory(path).load_history_strings())
    assert (entries[0], len(entries)) == (f"entry {MAX_ENTRIES}", MAX_ENTRIES // 2)
    assert len(path.read_text().splitlines()) == MAX_ENTRIES // 2
    ChatHistory(path).append_string("x" * (MAX_ENTRY_CHARACTERS + 1))
    assert len(path.read_text().splitlines()) == MAX_ENTRIES // 2


def test_a_history_that_cannot_be_read_is_said_once_and_the_chat_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "chat_history"
    path.mkdir()
    history = ChatHistory(path)
    history.append_string("one")
    history.append_string("two")
    assert history.get_strings() == ["one", "two"]
    assert capsys.readouterr().err.count(str(path)) == 1
