"""`appkit chat`, line by line from a pipe; `test_terminal.py` has it at a terminal."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from appkit.chat import ConversationStore
from appkit.messages import Message
from tests.appkit.cli.command import SCRIPTED, CommandHere, appkit, environment, one_sentence

GREET = """---
purpose: Greet someone.
variables:
  name: {type: str}
  tone: {type: str, default: kind}
options: {max_tokens: 7}
---
=== system
Be {{ tone }}.
=== user
Say hello to Bob.
=== assistant
Hello Bob!
=== user
Say hello to {{ name }}.
"""


@pytest.fixture
def greet(tmp_path: Path) -> str:
    """A prompt file in which one text is open."""
    file = tmp_path / "greet.prompt"
    file.write_text(GREET)
    return str(file)


def kept_messages(home: Path) -> list[tuple[str, str]]:
    """Role and content of the messages of the conversation that was used last."""
    with ConversationStore(home / "conversations.db") as store:
        latest = store.latest()
        assert latest is not None
        return [(message.role, message.content) for message in store.messages(latest.id)]


def test_piped_lines_are_turns_of_one_conversation(tmp_path: Path) -> None:
    done = appkit("chat", "-m", SCRIPTED, home=tmp_path, stdin="one\n\ntwo\n/stats\n")
    assert done.stdout == "Hello there\nAnd again\n"
    assert done.stderr.startswith("Turns: 2. Tokens read: ")


def test_json_gives_one_line_a_turn(tmp_path: Path) -> None:
    done = appkit("chat", "-m", SCRIPTED, "--json", home=tmp_path, stdin="one\n/help\ntwo")
    turns = [json.loads(line) for line in done.stdout.splitlines()]
    assert [turn["text"] for turn in turns] == ["Hello there", "And again"]
    assert list(turns[0]) == ["text", "token_ids", "finish_reason", "usage", "timings", "conversation"]
    assert turns[1]["usage"]["cached_tokens"] > 0
    with ConversationStore(tmp_path / "conversations.db") as store:
        assert store.get(turns[0]["conversation"]).num_messages == 4


def test_commands_change_the_conversation_and_answer_on_standard_error(
    tmp_path: Path, appkit_here: CommandHere
) -> None:
    lines = "/system\n/system Be kind.\n/system\nhi\n/reset\n/stats\n/nonsense\n/udno\n//slash\n/exit\nnever\n"
    done = appkit_here("chat", "-m", SCRIPTED, home=tmp_path, stdin=lines)
    assert done.stdout == "Hello there\nAnd again\n"
    said = done.stderr.splitlines()
    assert said[0] == "There is no system message."
    assert said[1:3] == ["From the next turn on: Be kind.", "System message: Be kind."]
    assert said[3] == "A new conversation."
    assert said[4].startswith("Turns: 0.")
    assert said[5] == "/nonsense is no command; /help lists them."
    assert said[6] == "/udno is no command; did you mean /undo? /help lists them."
    assert kept_messages(tmp_path) == [("user", "/slash"), ("assistant", "And again")]


def test_a_script_stops_at_its_first_error(tmp_path: Path) -> None:
    done = appkit("chat", "-m", SCRIPTED, home=tmp_path, stdin=f"one\n{'x' * 9000}\ntwo\n")
    assert done.returncode == 1
    assert done.stdout == "Hello there\n"
    assert "9,0" in done.stderr
    assert "8,192" in done.stderr


@pytest.mark.parametrize("locale", ["C.UTF-8", "POSIX"])
def test_input_that_is_no_text_is_one_sentence(locale: str, tmp_path: Path) -> None:
    done = appkit("chat", "-m", SCRIPTED, home=tmp_path, stdin=b"one\ntwo\n" + b"\xcc\xec\n", LC_ALL=locale)
    assert done.returncode == 1
    assert done.stdout.startswith("Hello there\nAnd again\n")
    assert re.fullmatch(r"Error: Line [\d,]+ of the input, or one soon after, is not UTF-8 text\. .*\n", done.stderr)


def test_continue_goes_on_with_the_last_conversation(tmp_path: Path, appkit_here: CommandHere) -> None:
    appkit_here("chat", "-m", SCRIPTED, "-s", "Be kind.", home=tmp_path, stdin="one\n")
    done = appkit_here("chat", "-c", "-m", "scripted:third", home=tmp_path, stdin="two\n/system\n")
    assert (done.stdout, done.stderr) == ("third\n", "System message: Be kind.\n")
    assert [content for _, content in kept_messages(tmp_path)] == ["one", "Hello there", "two", "third"]


def test_cid_takes_the_beginning_of_an_id(tmp_path: Path, appkit_here: CommandHere) -> None:
    first = json.loads(appkit_here("chat", "-m", SCRIPTED, "--json", home=tmp_path, stdin="one\n").stdout)
    appkit_here("chat", "-m", SCRIPTED, home=tmp_path, stdin="other\n")
    done = appkit_here("chat", "--cid", first["conversation"][:6], "-m", "scripted:x", home=tmp_path, stdin="two\n")
    assert done.stdout == "x\n"
    assert [content for _, content in kept_messages(tmp_path)] == ["one", "Hello there", "two", "x"]


def test_the_conversation_names_its_model(tmp_path: Path, appkit_here: CommandHere) -> None:
    appkit_here("chat", "-m", SCRIPTED, home=tmp_path, stdin="one\n")
    sentence = one_sentence(appkit_here("chat", "-c", home=tmp_path, stdin="two\n"))
    assert "was held with 'scripted', which cannot be opened by that name; say with -m" in sentence


def test_undo_and_edit_leave_what_was_said_on_a_branch(tmp_path: Path, appkit_here: CommandHere) -> None:
    lines = "one\ntwo\n/undo\n/edit uno\n/save Talk\n"
    done = appkit_here("chat", "-m", "scripted:1|2|3", home=tmp_path, stdin=lines)
    assert done.stdout == "1\n2\n3\n"
    assert done.stderr.startswith("Taken back. The last question is now: one\n")
    with ConversationStore(tmp_path / "conversations.db") as store:
        (kept,) = store.list()
        assert kept.title == "Talk"
        assert [message.content for message in store.messages(kept.id)] == ["uno", "3"]
        assert [branch.last_message for branch in store.branches(kept.id)] == ["2"]  # with all that came before it


def test_fork_leaves_the_first_conversation_as_it_was(tmp_path: Path, appkit_here: CommandHere) -> None:
    done = appkit_here("chat", "-m", "scripted:1|2", home=tmp_path, stdin="one\n/fork\ntwo\n")
    with ConversationStore(tmp_path / "conversations.db") as store:
        copy, first = store.list()
        assert f"Going on in a copy, {copy.id}. {first.id} stays as it is" in done.stderr
        assert (copy.num_messages, first.num_messages) == (4, 2)


def test_save_writes_a_file_that_import_reads(tmp_path: Path, appkit_here: CommandHere) -> None:
    file = tmp_path / "talk.jsonl"
    appkit_here("chat", "-m", SCRIPTED, home=tmp_path, stdin=f"one\n/save {file}\n")
    assert appkit_here("logs", "import", str(file), home=tmp_path).returncode == 0
    assert kept_messages(tmp_path) == [("user", "one"), ("assistant", "Hello there")]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("/undo", "The conversation has 0 turns; 1 cannot be taken back."),
        ("/undo all", "/undo takes a number of turns, not 'all'."),
        ("/edit", "There is no question to edit yet."),
        ("x\n/edit", "/edit needs the new question after it"),
        ("/save", "Nothing was asked yet."),
        ("x\n/save", "/save takes a title, or a file"),
        ("/docs", "/docs takes a folder, or off."),
        ("/docs nowhere", "There is no folder nowhere."),
    ],
)
def test_a_wrong_command_ends_a_script_with_a_sentence(
    line: str, sentence: str, tmp_path: Path, appkit_here: CommandHere
) -> None:
    done = appkit_here("chat", "-m", SCRIPTED, home=tmp_path, stdin=f"{line}\nnever\n")
    assert done.returncode == 1
    assert f"Error: {sentence}" in done.stderr
    assert "And again" not in done.stdout


def test_context_shows_where_the_tokens_go(tmp_path: Path, appkit_here: CommandHere) -> None:
    done = appkit_here("chat", "-m", SCRIPTED, home=tmp_path, stdin="/context\none\ntwo\n/context\n")
    said = done.stderr.splitlines()
    assert said[0] == "Nothing was asked yet."
    tokens = {line.split()[0]: int(line.split()[1].replace(",", "")) for line in said[1:]}
    assert tokens["prompt"] == len("user: one\nassistant: Hello there\nuser: two\nassistant: ")  # a token a character
    assert tokens["history"] + tokens["question"] + tokens["template"] == tokens["prompt"]


def test_what_no_longer_fits_is_said_once_a_change(tmp_path: Path, appkit_here: CommandHere) -> None:
    lines = "".join(f"{number}{'x' * 2_500}\n" for number in range(4))
    done = appkit_here("chat", "-m", "scripted:ok", home=tmp_path, stdin=lines)
    assert done.stdout == "ok\n" * 4
    notices = [line for line in done.stderr.splitlines() if line.startswith("Not shown to the model any more")]
    assert len(notices) == 2
    assert notices[0] != notices[1]
    assert len(kept_messages(tmp_path)) == 8, "the conversation itself loses nothing"


def test_no_log_keeps_nothing(tmp_path: Path, appkit_here: CommandHere) -> None:
    done = appkit_here("chat", "-m", SCRIPTED, "--no-log", "--json", home=tmp_path, stdin="one\n/fork\n")
    assert "conversation" not in json.loads(done.stdout)
    assert "no way back" in done.stderr
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["-c", "--no-log"], "leave out --no-log"),
        (["-c", "--cid", "abc"], "leave one of them out"),
        (["-c"], "No conversation was kept yet"),
        (["--cid", "abc"], "There is no conversation 'abc'"),
        (["-p", "a=b"], "-p gives values to a prompt"),
        (["-t", "no/such"], "no/such"),
        (["--docs", ".", "-c"], "--docs answers each question by itself"),
    ],
)
def test_options_that_do_not_go_together_are_one_sentence(
    options: list[str], sentence: str, tmp_path: Path, appkit_here: CommandHere
) -> None:
    assert sentence in one_sentence(appkit_here("chat", "-m", SCRIPTED, *options, home=tmp_path, stdin="x\n"))


def test_each_line_fills_the_one_open_text_of_a_template(greet: str, tmp_path: Path, appkit_here: CommandHere) -> None:
    done = appkit_here(
        "chat", "-m", SCRIPTED, "-t", greet, home=tmp_path, stdin="Ada {{ x }}\nCai\n/system\n/reset\nD\n"
    )
    assert done.stdout == "Hello t\nAnd aga\nHello t\n"  # max_tokens of the prompt
    assert done.stderr == "System message: Be kind.\nA new conversation.\n"
    opening = [("user", "Say hello to Bob."), ("assistant", "Hello Bob!")]
    assert kept_messages(tmp_path) == [*opening, ("user", "Say hello to D."), ("assistant", "Hello t")]
    with ConversationStore(tmp_path / "conversations.db") as store:
        _, first = store.list()
        assert first.title == "Ada {{ x }}"
        assert store.messages(first.id)[2] == Message(role="user", content="Say hello to Ada {{ x }}.")
        assert first.num_messages == 6


def test_a_template_with_every_value_asks_first(greet: str, tmp_path: Path, appkit_here: CommandHere) -> None:
    options = ["-t", greet, "-p", "name=Ada", "--max-tokens", "99", "-s", "Be brief."]
    done = appkit_here("chat", "-m", SCRIPTED, *options, home=tmp_path, stdin="And now?\n/system\n")
    assert done.stdout == "Hello there\nAnd again\n"
    assert done.stderr == "System message: Be brief.\n"
    assert [content for role, content in kept_messages(tmp_path) if role == "user"] == [
        "Say hello to Bob.", "Say hello to Ada.", "And now?"
    ]  # fmt: skip


def test_a_template_of_lines_goes_on_with_a_conversation(greet: str, tmp_path: Path, appkit_here: CommandHere) -> None:
    appkit_here("chat", "-m", SCRIPTED, home=tmp_path, stdin="one\n")
    assert appkit_here("chat", "-m", "scripted:x", "-c", "-t", greet, home=tmp_path, stdin="Ada\n").returncode == 0
    assert kept_messages(tmp_path)[2:] == [("user", "Say hello to Ada."), ("assistant", "x")]
    sentence = one_sentence(appkit_here("chat", "-m", SCRIPTED, "-c", "-t", greet, "-p", "name=A", home=tmp_path))
    assert "only begins a conversation" in sentence


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("variables: {a: {type: str}, b: {type: str}}\n---\n{{ a }} {{ b }}", "the variables still missing are a, b"),
        ("variables: {a: {type: int}}\n---\n{{ a }}", "the variables still missing are a"),
        ("version: 1\n---\n=== user\nhi\n=== assistant\nyes\n", "does not end with a user message"),
        ("output: {choice: [a, b]}\n---\nAsk", "says what its answer must look like"),
    ],
)
def test_a_template_that_cannot_hold_a_conversation_says_why(
    source: str, sentence: str, tmp_path: Path, appkit_here: CommandHere
) -> None:
    file = tmp_path / "it.prompt"
    file.write_text(f"---\npurpose: To be refused.\n{source}")
    assert sentence in one_sentence(appkit_here("chat", "-m", SCRIPTED, "-t", str(file), home=tmp_path, stdin="x\n"))


def test_ctrl_c_ends_a_script_with_130_and_keeps_what_was_said(tmp_path: Path) -> None:
    process = start_echo("chat", home=tmp_path, stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write("long\n")
    process.stdin.flush()
    interrupt_after_first_words(process)
    (_, said), (_, answer) = kept_messages(tmp_path)
    assert said == "long"
    assert answer.startswith("- tick 0\n")


def test_ctrl_c_ends_run_with_130(tmp_path: Path) -> None:
    interrupt_after_first_words(start_echo("run", "long", home=tmp_path, stdin=subprocess.DEVNULL))


def start_echo(*args: str, home: Path, stdin: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-u", str(Path(__file__).with_name("echo_command.py")), *args]
    streams = {"stdin": stdin, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, **streams, env=environment(home), text=True)  # type: ignore[call-overload, no-any-return]


def interrupt_after_first_words(process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    assert process.stdout.read(9) == "- tick 0\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (130, "")
