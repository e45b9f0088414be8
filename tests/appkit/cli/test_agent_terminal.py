"""`appkit agent` as a person meets it: steps that appear, calls to approve, Ctrl-C."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appkit import read_trace
from tests.appkit.cli.agent_scripts import FUNCTIONS, answer, call, chinese_answer, chinese_call, model
from tests.appkit.cli.command import environment
from tests.helpers.terminals import BACKSPACE, CTRL_C, CTRL_D, ENTER, HAS_TMUX, PtyTerminal, Terminal, TmuxTerminal

OpenAgent = Callable[..., Terminal]
NOTE = model(call("write_note", text="one"), answer("It is written."))
QUESTION = r"^May it\? \[y\]es, \[n\]o, \[e\]dit the arguments:\Z"


@pytest.fixture(params=["pty", "tmux"])
def agent(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenAgent]:
    """Opens a terminal with `appkit agent OPTIONS`, whose data are in `tmp_path`."""
    if request.param == "tmux" and not HAS_TMUX:
        pytest.skip("tmux is not installed; the same is tested in a pseudo-terminal")
    terminals: list[Terminal] = []

    def open_agent(*options: str, **extra: str) -> Terminal:
        env = environment(tmp_path, TERM="xterm-256color", NO_COLOR="")
        folder = tmp_path / f"terminal-{len(terminals)}"
        folder.mkdir()
        words = ("env", *(f"{name}={value}" for name, value in extra.items()), sys.executable, "-m", "appkit", "agent")
        command = (*words, *options)
        terminal = PtyTerminal(command, env) if request.param == "pty" else TmuxTerminal(command, env, folder)
        terminals.append(terminal)
        return terminal

    yield open_agent
    for terminal in terminals:
        terminal.close()


def notes(home: Path) -> list[str]:
    path = home / "notes.txt"
    return path.read_text().splitlines() if path.exists() else []


def test_a_person_sees_the_steps_approves_a_call_and_gets_the_answer(agent: OpenAgent, tmp_path: Path) -> None:
    terminal = agent("run", "Write one.", "--functions", FUNCTIONS, *NOTE)
    shown = terminal.wait_for(QUESTION)
    assert shown.splitlines()[:-1] == [
        "Step 1",
        "  Thought: I need it.",
        '  → write_note {"text": "one"}',
        "  waits for approval: call_1",
        "The model wants to call write_note (call_1):",
        '    text: "one"',
    ]
    assert notes(tmp_path) == []
    terminal.type("y" + ENTER)
    shown = terminal.wait_for(r"^left with 0$")
    assert shown.splitlines()[-5:] == ["  ← Written: one", "Step 2", "  I know it.", "It is written.", "left with 0"]
    assert notes(tmp_path) == ["one"]


def test_a_person_refuses_a_call_and_changes_the_next(agent: OpenAgent, tmp_path: Path) -> None:
    steps = model(call("write_note", text="one"), call("write_note", text="two"), answer("Done."))
    terminal = agent("run", "Write.", "--functions", FUNCTIONS, *steps)
    terminal.wait_for(QUESTION)
    terminal.type("n" + ENTER)
    terminal.wait_for(r"refused this call(.|\n)*" + QUESTION)
    terminal.type("e" + ENTER)
    terminal.wait_for(r'^write_note \{"text": "two"\}\Z')
    terminal.type(BACKSPACE * 2 + "中文" + ENTER)  # half a JSON object
    terminal.wait_for(r'^Error: The arguments are not JSON(.|\n)*write_note \{"text": "two中文\Z')
    terminal.type('"}' + ENTER)
    terminal.wait_for(r"^Done\.\nleft with 0$")
    assert notes(tmp_path) == ["two中文"]


def test_keys_pressed_before_a_call_was_shown_approve_nothing(agent: OpenAgent, tmp_path: Path) -> None:
    slow = (call("wait"), call("write_note", text="one"), answer("Done."))
    terminal = agent("run", "Write.", "--functions", FUNCTIONS, *model(*slow), APPKIT_TEST_WAIT_S="1")
    terminal.wait_for("wait is at work")
    terminal.type("y" + ENTER)
    terminal.wait_for(QUESTION)
    assert notes(tmp_path) == []
    terminal.type("n" + ENTER)
    terminal.wait_for(r"^left with 0$")
    assert notes(tmp_path) == []


def test_ctrl_c_in_the_middle_of_a_tool_leaves_at_once_with_a_whole_trace(agent: OpenAgent, tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    terminal = agent("run", "Wait.", "--functions", FUNCTIONS, "--trace", str(trace), *model(call("wait")))
    terminal.wait_for(r"^  wait is at work …\nstep 1 of 20; left: [\d,]+ tokens, \d+ s; Ctrl-C stops\Z")
    terminal.type(CTRL_C)
    shown = terminal.wait_for(r"^left with 130$", timeout_s=10)
    assert "Stopped." in shown
    assert "Traceback" not in shown
    assert "is at work" not in shown
    read = read_trace(trace)
    assert [record.kind for record in read.records] == ["run", "step", "tool", "finished"]
    assert read.records[-1].data["stopped_because"] == "cancelled"
    assert not read.is_cut
    terminal.type("echoed" + ENTER)
    terminal.wait_for(r"^echoed\nechoed\Z")  # once by the terminal, once by cat


def test_a_run_that_was_left_is_gone_on_with(agent: OpenAgent, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    first = agent("run", "Write one.", "--functions", FUNCTIONS, "--state", str(state), *NOTE)
    first.wait_for(QUESTION)
    first.type(CTRL_D)
    first.wait_for(r"^Go on with: appkit agent resume (.|\n)*^left with 3$")
    second = agent("resume", str(state), "--functions", FUNCTIONS)
    second.wait_for(r'^    text: "one"\n' + QUESTION)
    second.type("y" + ENTER)
    second.wait_for(r"^  ← Written: one(.|\n)*" + QUESTION)  # the script begins anew
    second.type("n" + ENTER)
    second.wait_for(r"^It is written.\nleft with 0$")
    assert notes(tmp_path) == ["one"]


def test_what_a_person_reads_is_chinese_where_they_are(agent: OpenAgent, tmp_path: Path) -> None:
    steps = model(chinese_call("write_note", text="春眠不觉晓，" * 20), chinese_answer("写好了。"))
    terminal = agent("run", "写。", "--functions", FUNCTIONS, *steps, LANG="zh_CN.UTF-8")
    shown = terminal.wait_for(r"^允许吗？\[y\] 是，\[n\] 否，\[e\] 修改参数：\Z")
    assert shown.startswith("第 1 步\n  想法：我写下来。\n  → write_note {")
    terminal.type("否" + ENTER)
    terminal.wait_for(r"^写好了。\nleft with 0$")
    assert notes(tmp_path) == []
