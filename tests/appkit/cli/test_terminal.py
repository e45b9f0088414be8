"""`appkit chat` as a person meets it: keys typed into a terminal, and what its screen shows then."""

import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appkit.chat import ConversationStore
from appkit.messages import Message
from tests.appkit.cli.command import environment
from tests.helpers.real_models import real_model
from tests.helpers.terminals import (
    ALT_ENTER,
    BACKSPACE,
    CTRL_C,
    CTRL_D,
    ENTER,
    HAS_TMUX,
    UP,
    PtyTerminal,
    Terminal,
    TmuxTerminal,
)

ECHO_CHAT = (sys.executable, str(Path(__file__).with_name("echo_command.py")), "chat")
PROMPT = r"^> ?\Z"
OpenTerminal = Callable[..., Terminal]


@pytest.fixture(params=["pty", "tmux"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenTerminal]:
    """Opens terminals with a command, whose data are in `tmp_path`."""
    if request.param == "tmux" and not HAS_TMUX:
        pytest.skip("tmux is not installed; the same is tested in a pseudo-terminal")
    terminals: list[Terminal] = []

    def open_terminal(*options: str, command: tuple[str, ...] = ECHO_CHAT, **extra: str) -> Terminal:
        env = environment(tmp_path, TERM="xterm-256color", NO_COLOR="")
        folder = tmp_path / f"terminal-{len(terminals)}"
        folder.mkdir()
        words = ("env", *(f"{name}={value}" for name, value in extra.items()), *command, *options)
        terminal = PtyTerminal(words, env) if request.param == "pty" else TmuxTerminal(words, env, folder)
        terminals.append(terminal)
        return terminal

    yield open_terminal
    for terminal in terminals:
        terminal.close()


def test_a_conversation_is_held_corrected_left_and_gone_on_with(opened: OpenTerminal, tmp_path: Path) -> None:
    chat = opened()
    banner = chat.wait_for(PROMPT)
    assert "echo, 10,000,000 tokens of context." in banner
    conversation_id = re.findall(r"^Kept on this machine as (\w+):", banner, re.MULTILINE)[0]

    chat.type("one\\" + ENTER + "two" + ENTER)
    chat.wait_for(r"^> one\n  two\nAsked: one\ntwo\n>\Z")
    chat.type("second" + ENTER)
    chat.wait_for(r"^Asked: one\ntwo / second\n>\Z")

    chat.type("/undo" + ENTER)
    chat.wait_for(r"^Taken back. The last question is now: one two\n>\Z")
    chat.type("/edit" + ENTER)
    chat.wait_for(r"^> /edit\n> one\n  two\Z")
    chat.type(BACKSPACE * 3 + "2 中文" + ENTER)
    chat.wait_for(r"^> one\n  2 中文\nAsked: one\n2 中文\n>\Z")

    chat.type("long" + ENTER)
    chat.wait_for(r"^• tick 30$")  # more than the screen holds
    chat.type(CTRL_C)
    stopped = chat.wait_for(r"^\(stopped\)\n>\Z")
    ticks = [int(number) for number in re.findall(r"^• tick (\d+)$", stopped, re.MULTILINE)]
    assert ticks[:30] == list(range(30)), "what scrolled away is there, once"
    chat.type("/undo" + ENTER)
    chat.wait_for(r"^Taken back. The last question is now: one 2 中文\n>\Z")

    chat.type(CTRL_D)
    chat.wait_for(r"^left with 0$")
    chat.type("echo is back")
    chat.wait_for(r"^echo is back\Z")

    later = opened("-c")
    greeting = later.wait_for(PROMPT)
    assert f"Going on with {conversation_id}, “one”; messages so far: 2." in " ".join(greeting.split())
    assert "> one\n  2 中文\nAsked: one\n2 中文\n" in greeting
    later.type(UP + UP + ENTER)  # past /undo, to what was asked before it
    later.wait_for(r"^> long$")
    later.wait_for(r"^• tick 3$")
    later.type(CTRL_C)
    later.wait_for(r"^\(stopped\)\n>\Z")
    later.type("/undo" + ENTER)
    later.wait_for(r"^Taken back.*\n>\Z")
    later.type("still there?" + ENTER)
    later.wait_for(r"^Asked: one\n2 中文 / still there\?\n>\Z")
    with ConversationStore(tmp_path / "conversations.db") as store:
        (kept,) = store.list()
        assert [message.content for message in store.messages(kept.id)][::2] == ["one\n2 中文", "still there?"]


def test_an_emptied_draft_is_no_edit(opened: OpenTerminal) -> None:
    chat = opened("--no-log")
    chat.wait_for(PROMPT)
    chat.type("one" + ENTER)
    chat.wait_for(r"^Asked: one\n>\Z")
    chat.type("/edit" + ENTER)
    chat.wait_for(r"^> one\Z")
    chat.type(BACKSPACE * 3 + ENTER)
    chat.wait_for(r"^> /edit\n>\n>\Z")
    chat.type("two" + ENTER)
    chat.wait_for(r"^Asked: one / two\n>\Z")


def test_messages_of_many_lines_are_typed_and_pasted(opened: OpenTerminal) -> None:
    chat = opened("--no-log")
    assert "Nothing of this conversation is kept." in chat.wait_for(PROMPT)
    chat.type(f"```{ENTER}x = 1{ENTER}{ENTER}y = 2{ENTER}```{ENTER}")
    chat.wait_for(r"^Asked: ```\nx = 1\n\ny = 2\n\n>\Z")
    chat.type(f"/reset{ENTER}")
    chat.wait_for(r"^A new conversation.\n>\Z")
    chat.type(f"a{ALT_ENTER}b{ENTER}")
    chat.wait_for(r"^Asked: a\nb\n>\Z")
    chat.type(f"/reset{ENTER}")
    chat.wait_for(r"b\n> /reset\nA new conversation.\n>\Z")
    chat.type("\x1b[200~pasted\nlines\x1b[201~" + ENTER)
    chat.wait_for(r"^Asked: pasted\nlines\n>\Z")


def test_keys_typed_during_an_answer_wait_for_the_next_line(opened: OpenTerminal) -> None:
    chat = opened("--no-log")
    chat.wait_for(PROMPT)
    chat.type("60" + ENTER)
    chat.wait_for(r"^• tick 5$")
    chat.type("typed" + ENTER + "ahead")
    chat.wait_for(r"^• tick 58\n• tick 59\n> typed\nAsked: 60 / typed\n> ahead\Z")


def test_an_impatient_finger_stops_the_answer_and_not_the_chat(opened: OpenTerminal) -> None:
    chat = opened("--no-log")
    chat.wait_for(PROMPT)
    chat.type("long" + ENTER)
    chat.wait_for(r"^• tick 3$")
    for _ in range(4):
        chat.type(CTRL_C)
        time.sleep(0.15)
    chat.wait_for(r"^\(stopped\)\n>\Z")
    chat.type("hi" + ENTER)
    chat.wait_for(r"^Asked: long / hi\n>\Z")


def test_old_turns_that_no_longer_fit_are_said_once(opened: OpenTerminal) -> None:
    chat = opened("--no-log", APPKIT_TEST_MAX_SEQ_LEN="700")
    chat.wait_for(PROMPT)
    for number in range(4):
        chat.type(f"{number} " + "word " * 25 + ENTER)
        chat.wait_for(rf"(?s)Asked:.*{number} word.*\n>\Z")
        if number == 0:
            assert "Not shown" not in chat.text()
    assert "Not shown to the model any more" in chat.text()


def test_the_screen_speaks_chinese_where_the_locale_does(opened: OpenTerminal) -> None:
    chat = opened(LANG="zh_CN.UTF-8")
    assert "对话保存在本机，编号" in chat.wait_for(PROMPT)
    chat.type("你好" + ENTER)
    chat.wait_for(r"^Asked: 你好\n>\Z")
    chat.type("/udno" + ENTER)
    chat.wait_for(r"^没有 /udno 这个命令；是不是 /undo？")


def test_nothing_of_a_conversation_from_elsewhere_reaches_the_terminal_as_a_code(
    opened: OpenTerminal, tmp_path: Path
) -> None:
    hostile = "see \x1b[2J\x1b]0;owned\x07\x9b31m\u202eme"
    said = [Message(role="user", content=hostile), Message(role="assistant", content=hostile)]
    with ConversationStore(tmp_path / "conversations.db") as store:
        store.create(model="m", system=hostile, title=hostile, messages=said)
    chat = opened("-c")
    chat.wait_for(r"(?s)“see \[2J\]0;owned31mme”.*^> see \[2J\]0;owned31mme\nsee \[2J\]0;owned31mme\n>\Z")
    chat.type("/system" + ENTER)
    chat.wait_for(r"^System message: see \[2J\]0;owned31mme\n>\Z")
    with ConversationStore(tmp_path / "conversations.db") as store:
        (kept,) = store.list()
    logs = opened("show", kept.id, command=(sys.executable, "-m", "appkit", "logs"))
    shown = logs.wait_for("^left with 0$")
    assert shown.count("see [2J]0;owned31mme") == 4  # title, system message, question, answer


def test_ctrl_c_twice_at_the_prompt_leaves(opened: OpenTerminal) -> None:
    chat = opened()
    chat.wait_for(PROMPT)
    chat.type(CTRL_C)
    chat.wait_for(r"once more.*\n>\Z")
    chat.type(CTRL_C)
    chat.wait_for(r"^left with 0$")


@pytest.mark.parametrize(("options", "extra"), [([], {"TERM": "dumb"}), ([], {"NO_COLOR": "1"}), (["--plain"], {})])
def test_plain_terminals_show_answers_as_they_are_written(
    options: list[str], extra: dict[str, str], opened: OpenTerminal
) -> None:
    chat = opened(*options, **extra)
    chat.wait_for(PROMPT)
    chat.type("hello" + ENTER)
    chat.wait_for(r"^\*\*Asked:\*\* hello\n>\Z")


def test_an_error_is_said_and_the_chat_goes_on(opened: OpenTerminal) -> None:
    chat = opened(APPKIT_TEST_MAX_SEQ_LEN="200")
    chat.wait_for(PROMPT)
    chat.type("x" * 300 + ENTER)
    chat.wait_for(r"^Error: The prompt is at least 318 tokens")
    chat.wait_for(PROMPT)
    chat.type("hi" + ENTER)
    chat.wait_for(r"^Asked: hi\n>\Z")


def test_a_real_model_answers_and_remembers(opened: OpenTerminal, tmp_path: Path) -> None:
    file = real_model("smollm2-135m")
    command = (sys.executable, "-m", "appkit", "chat", "-m", str(file), "--temperature", "0", "--max-tokens", "12")
    chat = opened(command=command)
    chat.wait_for(PROMPT)
    chat.type("My name is Ada." + ENTER)
    chat.wait_for(r"^> My name is Ada\.\n(.+\n)+>\Z", timeout_s=120)
    chat.type("/context" + ENTER)
    chat.wait_for(r"^question .*1 shown$")
    chat.type(CTRL_D)
    chat.wait_for(r"^left with 0$")
    with ConversationStore(tmp_path / "conversations.db") as store:
        (kept,) = store.list()
        question, answer = store.messages(kept.id)
    assert question.content == "My name is Ada."
    assert answer.content in " ".join(chat.text().split())
    assert answer.token_ids
