"""`appkit ask` and `appkit chat --docs`: answers whose places can be opened, and what is said where there are none."""

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from appkit.cli import printable
from tests.appkit.cli.command import CommandHere, environment, one_sentence
from tests.helpers.model_home import give_model
from tests.helpers.shared_data import ROOT
from tests.helpers.terminals import CTRL_D, ENTER, PtyTerminal

WARRANTY = """# Warranty

The compressor is covered for ten years. The circulation pump is covered for two years.

# Claims

Report a fault within 30 days of noticing it.
"""
QUESTION = "How long is the compressor covered?"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "warranty.md").write_text(WARRANTY)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    give_model("minilm-l6", home)
    return home


def test_the_first_question_indexes_the_folder_and_says_so(appkit_here: CommandHere, folder: Path, home: Path) -> None:
    first = appkit_here("ask", str(folder), QUESTION, home=home)
    assert first.stderr.splitlines()[0] == f"{folder} has no index yet; reading it now."
    second = appkit_here("ask", str(folder), QUESTION, home=home)
    assert (second.stderr, second.stdout) == ("", first.stdout)
    assert "ten years" in second.stdout.splitlines()[0]
    assert "[1] warranty.md, Warranty" in second.stdout


def test_json_gives_quotes_that_stand_in_the_file_and_every_score(
    appkit_here: CommandHere, folder: Path, home: Path
) -> None:
    answer = json.loads(appkit_here("ask", str(folder), QUESTION, "--json", home=home).stdout)
    assert answer["answerable"] is True
    assert set(answer) >= {"answer", "citations", "retrieved", "timings"}
    for citation in answer["citations"]:
        assert set(citation) >= {"file", "page_number", "start", "end", "quote"}
        assert WARRANTY[citation["start"] : citation["end"]] == citation["quote"]
    assert all({"dense", "bm25", "rrf"} >= set(hit["scores"]) for hit in answer["retrieved"])
    assert set(answer["timings"]) >= {"load_s", "search_s", "answer_s", "total_s"}


def test_a_changed_file_is_seen_with_sync_and_not_without(appkit_here: CommandHere, folder: Path, home: Path) -> None:
    appkit_here("ask", str(folder), QUESTION, home=home)
    (folder / "warranty.md").write_text(WARRANTY.replace("ten years", "eleven years"))
    assert "ten years" in appkit_here("ask", str(folder), QUESTION, home=home).stdout
    after = appkit_here("ask", str(folder), QUESTION, "--sync", home=home)
    assert "eleven years" in after.stdout
    assert "updated 1" in after.stderr


def test_what_the_documents_do_not_say_is_not_answered(appkit_here: CommandHere, folder: Path, home: Path) -> None:
    done = appkit_here("ask", str(folder), "Who won the football match in Lisbon?", home=home)
    assert done.returncode == 0
    assert done.stdout == "I found no answer to this in these documents.\n"


def test_a_quote_is_coloured_at_a_terminal(
    appkit_here: CommandHere, folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(printable, "is_colourful", lambda: True)
    shown = appkit_here("ask", str(folder), QUESTION, home=home).stdout
    quote = shown.split(printable.HIGHLIGHT)[1].split(printable.PLAIN)[0]
    assert quote.startswith("The compressor is covered for ten years.")


def test_a_document_cannot_command_the_terminal(appkit_here: CommandHere, folder: Path, home: Path) -> None:
    (folder / "warranty.md").write_text(WARRANTY.replace("ten years", "\x1b[2J\x1b]0;owned\x07ten\u202e years"))
    shown = appkit_here("ask", str(folder), QUESTION, home=home).stdout
    assert "\x1b" not in shown
    assert "\u202e" not in shown


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: None, "There is no folder"),
        (lambda folder: folder.touch(), "is a file; name the folder that holds it"),
        (lambda folder: folder.mkdir(), "holds no document that can be read. Kinds that are: "),
    ],
    ids=["missing", "a file", "empty"],
)
def test_a_folder_that_cannot_be_asked_is_said(make: Any, says: str, appkit_here: CommandHere, tmp_path: Path) -> None:
    folder = tmp_path / "nothing"
    make(folder)
    done = appkit_here("ask", str(folder), QUESTION, home=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert says in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_an_empty_question_is_one_sentence(appkit_here: CommandHere, folder: Path, home: Path) -> None:
    assert "The question is empty" in one_sentence(appkit_here("ask", str(folder), " ", home=home))
    chinese = one_sentence(appkit_here("ask", str(folder), " ", home=home, LANG="zh_CN.UTF-8"))
    assert "保修期是多久" in chinese


def test_a_missing_embedder_is_one_sentence_that_names_the_way_out(
    appkit_here: CommandHere, folder: Path, home: Path
) -> None:
    appkit_here("ask", str(folder), QUESTION, home=home)
    (home / "models").rename(home / "elsewhere")
    assert "appkit models pull minilm-l6" in one_sentence(appkit_here("ask", str(folder), QUESTION, home=home))


def test_asking_never_imports_torch(folder: Path, home: Path) -> None:
    code = (
        "import sys\nfrom appkit.cli.main import main\n"
        f"try: main(['ask', {str(folder)!r}, {QUESTION!r}])\n"
        "except SystemExit as left: assert not left.code, left.code\n"
        "heavy = ('torch', 'transformers', 'sentence_transformers', 'faiss', 'mcp', 'pandas', 'scipy')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(home))
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_the_first_word_takes_little_time_from_process_start(demo_home: Path) -> None:
    """Processor time, which a busy machine does not stretch as it does the clock's: 1 s, most of it on one thread."""
    command = [sys.executable, "-m", "appkit", "ask", str(ROOT / "examples" / "documents"), "保修期是多久？"]
    subprocess.run(command, capture_output=True, env=environment(demo_home), check=True)  # indexes the folder
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, capture_output=True, env=environment(demo_home), check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.5


def chat(run: CommandHere, folder: Path, lines: str, *args: str, home: Path) -> "subprocess.CompletedProcess[str]":
    return run("chat", "--docs", str(folder), *args, home=home, stdin=lines)


def test_a_chat_with_documents_understands_what_leans_on_the_question_before(
    appkit_here: CommandHere, folder: Path, home: Path
) -> None:
    done = chat(appkit_here, folder, f"{QUESTION}\nand the circulation pump?\n", home=home)
    assert done.returncode == 0, done.stderr
    assert "[1] warranty.md" in done.stdout
    assert "two years" in done.stdout.split("ten years", 1)[1]


def test_a_source_can_be_opened_and_the_search_looked_at(appkit_here: CommandHere, folder: Path, home: Path) -> None:
    lines = f"/open 1\n{QUESTION}\n/open 1\n/open 7\n/found\n/nonsense\n/exit\nnever\n"
    said = chat(appkit_here, folder, lines, home=home).stderr
    assert "Ask something first." in said
    assert "Report a fault within 30 days" in said  # the text around the quote
    assert "/open takes a number from 1 to" in said
    assert "/nonsense is no command" in said


def test_json_gives_one_line_a_question(appkit_here: CommandHere, folder: Path, home: Path) -> None:
    done = chat(appkit_here, folder, f"{QUESTION}\n{QUESTION}\n", "--json", home=home)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["question"] for answer in answers] == [QUESTION, QUESTION]


def test_changed_files_are_read_where_the_chat_asks_for_it(appkit_here: CommandHere, folder: Path, home: Path) -> None:
    chat(appkit_here, folder, "", home=home)
    (folder / "noise.md").write_text("The outdoor unit hums at 40 decibels.\n")
    done = chat(appkit_here, folder, "How loud is the outdoor unit?\n/sync\nHow loud is the outdoor unit?\n", home=home)
    assert "Added 1" in done.stderr
    assert "40 decibels" in done.stdout


def test_at_a_terminal_the_chat_asks_for_questions(folder: Path, home: Path) -> None:
    command = (sys.executable, "-m", "appkit", "chat", "--docs", str(folder))
    terminal = PtyTerminal(command, environment(home, TERM="xterm"))
    try:
        terminal.wait_for(r"(?s)Documents in .*: 1\..*^>\Z", timeout_s=60)
        terminal.type(QUESTION + ENTER)
        terminal.wait_for(r"(?s)^\[1\] warranty\.md, Warranty.*^>\Z")
        terminal.type(CTRL_D)
        terminal.wait_for("^left with 0$")
    finally:
        terminal.close()


def test_a_chat_answers_from_documents_until_they_are_off(appkit_here: CommandHere, folder: Path, home: Path) -> None:
    lines = f"/docs off\n/docs {folder}\n{QUESTION}\n/opne 1\n/open 1\n/help\n/docs off\nhi\n"
    done = appkit_here("chat", "-m", "scripted:Ten years. [1]|I am back", home=home, stdin=lines)
    assert done.returncode == 0, done.stderr
    assert "[1] warranty.md" in done.stdout
    assert done.stdout.endswith("\nI am back\n")
    said = done.stderr.splitlines()
    assert said[0] == "No documents are in use."
    assert f"Documents in {folder}: 1. Answers come from them, and are not kept; /docs off ends that." in said
    assert "/opne is no command; did you mean /open? /help lists them." in said
    assert said[-2].startswith("/docs off ")
    assert said[-1] == "The model answers again."


def test_commands_of_the_conversation_wait_until_documents_are_off(
    appkit_here: CommandHere, folder: Path, home: Path
) -> None:
    done = appkit_here("chat", "-m", "scripted:x", home=home, stdin=f"/docs {folder}\n/undo\n")
    assert done.returncode == 1
    assert "/undo is about the conversation with the model, and documents answer now: /docs off first." in done.stderr


def test_sampling_options_do_not_apply_to_documents(appkit_here: CommandHere, folder: Path, home: Path) -> None:
    done = chat(appkit_here, folder, "hi\n", "--temperature", "0.5", home=home)
    assert "--docs quotes sentences" in one_sentence(done)
