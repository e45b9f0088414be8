"""`appkit agent` without a terminal: answers, exit statuses, runs that wait in a file, tools by option, bad input."""

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from appkit import ScriptedModel, read_trace
from appkit.cli import open_model
from appkit.messages import Message
from tests.appkit.cli.agent_scripts import FUNCTIONS, answer, call, model
from tests.appkit.cli.command import CommandHere, appkit, environment, one_sentence

SUM = model(call("calculator", expression="17 * 23"), answer("It is 391."))
NOTE = call("write_note", text="one")


@pytest.fixture
def note_taker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every model writes a note, and answers when it sees what came of it, in whatever process it is asked."""

    def say(prompt: str | Sequence[Message]) -> str:
        last = prompt[-1]
        assert isinstance(last, Message)
        return answer("Done.") if last.content.startswith("Observation:") else NOTE

    monkeypatch.setattr(open_model, "open_model", lambda spec, **options: ScriptedModel(say))


def notes(home: Path) -> list[str]:
    path = home / "notes.txt"
    return path.read_text().splitlines() if path.exists() else []


def waiting(appkit_here: CommandHere, home: Path) -> Path:
    """The file of a run that waits for the approval of its note."""
    state = home / "state.json"
    options = ("--functions", FUNCTIONS, "--dialect", "react", "--state", str(state))
    done = appkit_here("agent", "run", "Write.", *options, home=home)
    assert (done.returncode, done.stdout) == (3, "")
    return state


def test_the_answer_goes_to_standard_output_and_the_steps_beside_it(appkit_here: CommandHere, tmp_path: Path) -> None:
    done = appkit_here("agent", "run", "What is 17 * 23?", "--tool", "calculator", *SUM, home=tmp_path)
    assert (done.returncode, done.stdout) == (0, "It is 391.\n")
    assert done.stderr.splitlines() == [
        "Step 1",
        "  Thought: I need it.",
        '  → calculator {"expression": "17 * 23"}',
        "  ← 391",
        "Step 2",
        "  I know it.",
    ]


def test_json_is_one_object_with_every_step(appkit_here: CommandHere, tmp_path: Path) -> None:
    done = appkit_here("agent", "run", "Sum", "--tool", "calculator", "--json", *SUM, home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    result = json.loads(line)
    assert (result["output"], result["stopped_because"], result["is_complete"]) == ("It is 391.", "answered", True)
    first, second = result["steps"]
    assert first["calls"] == [{"id": "call_1", "name": "calculator", "arguments": {"expression": "17 * 23"}}]
    assert (first["results"][0]["text"], first["results"][0]["is_error"]) == ("391", False)
    assert (second["thought"], second["calls"]) == ("I know it.", [])
    assert result["usage"]["completion_tokens"] > 0


def test_a_limit_ends_a_run_with_status_4_and_says_how_to_allow_more(appkit_here: CommandHere, tmp_path: Path) -> None:
    sums = model(call("calculator", expression="1 + 1"), answer("Two, I think."))
    options = ("--tool", "calculator", "--max-steps", "1", *sums)
    done = appkit_here("agent", "run", "Sum", *options, home=tmp_path)
    assert (done.returncode, done.stdout) == (4, "Two, I think.\n")
    assert done.stderr.splitlines()[-1] == "Stopped: the steps were used up; --max-steps allows more."


def test_a_task_may_be_piped_in(tmp_path: Path) -> None:
    done = appkit("agent", "run", *model(answer("Yes.")), "--json", home=tmp_path, stdin="Is it?\n")
    assert json.loads(done.stdout)["output"] == "Yes."
    assert "There is no prompt" in one_sentence(appkit("agent", "run", *model(answer("Yes.")), home=tmp_path))


@pytest.mark.usefixtures("note_taker")
def test_a_call_waits_in_a_file_until_it_is_approved(appkit_here: CommandHere, tmp_path: Path) -> None:
    state = waiting(appkit_here, tmp_path)
    assert (notes(tmp_path), stat.S_IMODE(state.stat().st_mode)) == ([], 0o600)
    options = ("--functions", FUNCTIONS, "--json")
    undecided = appkit_here("agent", "resume", str(state), *options, home=tmp_path)
    assert undecided.returncode == 3
    assert 'Waits for approval: call_1: write_note {"text": "one"}' in undecided.stderr
    done = appkit_here("agent", "resume", str(state), "--approve", "call_1", *options, home=tmp_path)
    assert (done.returncode, json.loads(done.stdout)["output"]) == (0, "Done.")
    assert notes(tmp_path) == ["one"]
    assert not state.exists(), "a run that is done cannot be gone on with, so no call is made twice"


@pytest.mark.usefixtures("note_taker")
@pytest.mark.parametrize(
    ("options", "written"),
    [(("--deny", "all"), []), (("--edit", 'call_1={"text": "two"}'), ["two"])],
    ids=["denied", "edited"],
)
def test_a_call_that_waits_may_be_denied_or_changed(
    appkit_here: CommandHere, tmp_path: Path, options: tuple[str, ...], written: list[str]
) -> None:
    state = waiting(appkit_here, tmp_path)
    done = appkit_here("agent", "resume", str(state), "--functions", FUNCTIONS, *options, home=tmp_path)
    assert (done.returncode, done.stdout) == (0, "Done.\n")
    assert notes(tmp_path) == written


@pytest.mark.usefixtures("note_taker")
@pytest.mark.parametrize("edit", ['call_1={"text": 5}', 'call_1={"words": "two"}', "call_1={}", "call_1=no"])
def test_changed_arguments_that_do_not_fit_are_refused_before_anything_is_done(
    appkit_here: CommandHere, tmp_path: Path, edit: str
) -> None:
    state = waiting(appkit_here, tmp_path)
    before = state.read_bytes()
    done = appkit_here("agent", "resume", str(state), "--functions", FUNCTIONS, "--edit", edit, home=tmp_path)
    one_sentence(done)
    assert (notes(tmp_path), state.read_bytes()) == ([], before)


@pytest.mark.usefixtures("note_taker")
def test_no_code_is_run_because_a_file_names_it(appkit_here: CommandHere, tmp_path: Path) -> None:
    state = waiting(appkit_here, tmp_path)
    done = appkit_here("agent", "resume", str(state), "--approve", "all", home=tmp_path)
    assert "name it again with --functions" in one_sentence(done)
    assert notes(tmp_path) == []


def test_approve_asks_before_every_call(appkit_here: CommandHere, tmp_path: Path) -> None:
    options = ("--tool", "calculator", "--approve", "--state", str(tmp_path / "s"), *SUM)
    done = appkit_here("agent", "run", "Sum", *options, "--json", home=tmp_path)
    result = json.loads(done.stdout)
    assert (done.returncode, result["stopped_because"]) == (3, "approval")
    assert result["pending"] == [{"id": "call_1", "name": "calculator", "arguments": {"expression": "17 * 23"}}]


def test_where_nobody_can_approve_nothing_is_begun(appkit_here: CommandHere, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    options = ("--tool", "calculator", "--approve", "--trace", str(trace), *SUM)
    assert "--state FILE" in one_sentence(appkit_here("agent", "run", "Sum", *options, home=tmp_path))
    assert not trace.exists()


def test_a_call_whose_process_was_killed_is_not_made_again(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    steps = model(call("wait"), answer("Done."))
    command = (sys.executable, "-m", "appkit", "agent", "run", "Wait.", "--functions", FUNCTIONS, "--state", str(state))
    killed = subprocess.Popen(
        (*command, *steps), env=environment(tmp_path), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 30
    while not state.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait(10)
    waiting_run = json.loads(state.read_text())
    waiting_run["job"]["model"] = "scripted:" + answer("I do not know how it ended.")
    state.write_text(json.dumps(waiting_run))
    done = appkit("agent", "resume", str(state), "--functions", FUNCTIONS, home=tmp_path)
    assert (done.returncode, done.stdout) == (0, "I do not know how it ended.\n")
    assert "not known how this call ended, and it is not made again: wait {}" in done.stderr


def test_a_trace_tells_of_every_step(appkit_here: CommandHere, tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    appkit_here("agent", "run", "Sum", "--tool", "calculator", "--seed", "7", "--trace", str(path), *SUM, home=tmp_path)
    trace = read_trace(path)
    assert [record.kind for record in trace.records] == ["run", "step", "tool", "step", "finished"]
    run, step = trace.records[:2]
    assert (run.data["task"], run.data["seed"], run.data["dialect"]) == ("Sum", 7, "react")
    assert "".join(map(chr, step.data["token_ids"])) == step.data["text"]
    assert trace.about["model"] == {"name": "scripted"}
    assert {"appkit-llm", "llguidance"} <= set(trace.about["packages"])
    again = appkit_here("agent", "run", "Sum", "--trace", str(path), *SUM, home=tmp_path)
    assert "exists already" in one_sentence(again)


def test_what_a_model_or_a_tool_writes_cannot_steer_a_terminal(appkit_here: CommandHere, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("\x1b[2Jcleared\u202e")
    steps = model(call("read_file", "\x1b]0;title\x07", path="notes.txt"), answer("\x1b[31mred"))
    done = appkit_here("agent", "run", "Read.", "--tool", f"files={tmp_path}", *steps, home=tmp_path)
    assert "cleared" in done.stderr
    assert not {"\x1b", "\x07", "\u202e"} & set(done.stderr)


def test_a_database_and_a_folder_are_tools(appkit_here: CommandHere, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.sqlite") as database:
        database.execute("CREATE TABLE orders (customer TEXT)")
        database.execute("INSERT INTO orders VALUES ('Lena')")
    database.close()
    steps = model(call("query_sqlite", sql="SELECT customer FROM orders"), call("list_files"), answer("Lena."))
    options = ("--sql", str(tmp_path / "shop.sqlite"), "--tool", f"files={tmp_path}", "--tool", "time", *steps)
    done = appkit_here("agent", "run", "Who?", *options, home=tmp_path)
    assert done.stdout == "Lena.\n"
    assert "Lena" in done.stderr
    assert "shop.sqlite" in done.stderr


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--tool", "hammer"), "There is no tool hammer; there are: calculator, time, files=FOLDER."),
        (("--tool", "files="), "There is no tool files="),
        (("--tool", "files=a", "--tool", "files=b"), "files=FOLDER is given more than once"),
        (("--tool", "files=no/such/folder"), "no/such/folder"),
        (("--sql", "no.sqlite"), "no.sqlite"),
        (("--functions", "no.py"), "is no Python file that can be read"),
        (("--dialect", "latin"), "There is no dialect latin; there are: auto, tools, react."),
        (("--max-seconds", "inf"), "Limits.seconds is inf"),
        (("--state", "setup.py"), "setup.py is there already"),
    ],
    ids=["tool", "no-folder", "folders", "folder", "database", "functions", "dialect", "inf", "state"],
)
def test_wrong_options_are_one_sentence(
    appkit_here: CommandHere,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "setup.py").write_text("")
    done = appkit_here("agent", "run", "Task", "-m", "scripted:x", *options, home=tmp_path)
    assert sentence in one_sentence(done)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("1 / 0", "fails when it is run: ZeroDivisionError: division by zero"),
        ("def f(", "fails when it is run: SyntaxError"),
        ("x = 1", "defines no tool: put @tool"),
    ],
    ids=["error", "syntax", "none"],
)
def test_functions_that_cannot_be_loaded_are_one_sentence(
    appkit_here: CommandHere, tmp_path: Path, source: str, sentence: str
) -> None:
    (tmp_path / "mine.py").write_text(source)
    done = appkit_here(
        "agent", "run", "Task", "--functions", str(tmp_path / "mine.py"), "-m", "scripted:x", home=tmp_path
    )
    assert sentence in one_sentence(done)


def changed(**values: object) -> Callable[[dict[str, Any]], object]:
    return lambda record: {**record, **values}


def with_job(**values: object) -> Callable[[dict[str, Any]], object]:
    return lambda record: {**record, "job": {**record["job"], **values}}


@pytest.mark.usefixtures("note_taker")
@pytest.mark.parametrize(
    "change",
    [
        lambda record: [],
        lambda record: {},
        changed(format="other"),
        changed(version=2),
        changed(version=True),
        changed(job=5),
        changed(state=5),
        changed(state="{}"),
        changed(state="[" * 100_000),
        with_job(model=5),
        with_job(tools="calculator"),
        with_job(tools=["calculator", 5]),
        with_job(tools=["rm"]),
        with_job(dialect="latin"),
        with_job(approve="yes"),
        with_job(files="../.."),
        with_job(files="/etc\0"),
        with_job(limits={"steps": "many"}),
        with_job(limits={"wishes": 3}),
        with_job(settings=[]),
    ],
    ids=range(20),
)
def test_a_file_that_no_run_wrote_is_refused_in_one_sentence(
    appkit_here: CommandHere, tmp_path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    state = waiting(appkit_here, tmp_path)
    state.write_text(json.dumps(change(json.loads(state.read_text()))))
    options = ("--functions", FUNCTIONS, "--approve", "all")
    assert "cannot be gone on with" in one_sentence(appkit_here("agent", "resume", str(state), *options, home=tmp_path))
    assert notes(tmp_path) == []


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"[" * 100_000, b'{"a": NaN}', b"\0" * 1000], ids=range(5))
def test_a_file_that_is_not_json_is_refused_in_one_sentence(
    appkit_here: CommandHere, tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "state").write_bytes(data)
    done = appkit_here("agent", "resume", str(tmp_path / "state"), home=tmp_path)
    assert "cannot be gone on with" in one_sentence(done)


def test_help_loads_nothing_that_takes_time(tmp_path: Path) -> None:
    heavy = {"numpy", "rich", "jinja2", "httpx", "prompt_toolkit", "appkit.tools", "appkit.agents"}
    code = f"""
import sys
from appkit.cli.main import main
try:
    main(["agent", "run", "--help"])
except SystemExit:
    print({heavy!r} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(tmp_path))
    assert done.stdout.splitlines()[-1] == "set()"
