"""Every example runs as it stands; one that takes a model, with a scripted one, and the default one if it is here."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.appkit.cli.command import environment
from tests.helpers.real_models import real_model
from tests.helpers.shared_data import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*.py"))
IDS = [path.name for path in EXAMPLES]
TAKE_A_MODEL = ["01_chat.py", "04_reasoning.py", "05_workflows.py"]


def run_example(name: str, model: str) -> str:
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / name, model], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("name", ["01_chat.py", "05_workflows.py"])
def test_example_runs_with_a_scripted_model(name: str) -> None:
    assert "a scripted answer" in run_example(name, "scripted:a scripted answer")


@pytest.mark.slow
@pytest.mark.parametrize("name", TAKE_A_MODEL)
def test_example_runs_with_the_default_model(name: str) -> None:
    assert run_example(name, str(real_model("smollm2-135m"))).strip()


def test_the_first_example_reuses_what_it_computed() -> None:
    last = run_example("01_chat.py", "scripted:Paris|The Seine").splitlines()[-1]
    read, cached = map(int, re.findall(r"\d+", last))
    assert 0 < cached < read


def test_the_second_example_answers_from_the_shipped_folder(demo_home: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "02_ask.py"],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment(demo_home),
    )
    assert (done.returncode, done.stderr) == (0, "")
    english, chinese, unanswered = done.stdout.split("> ")[1:]
    assert "at least 100 mm thick" in english
    assert "] installation-guide.html, characters " in english
    assert "整机保修期为五年" in chinese
    assert "] 保修条款.pdf, page 1, characters " in chinese
    assert unanswered.splitlines()[1:] == ["I found no answer to this in these documents."]


def run_few_shot(home: Path, *arguments: str) -> list[str]:
    """What the third example prints for each question."""
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "03_few_shot.py", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment(home),
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split("> ")[1:]


def test_the_third_example_shows_the_examples_it_chose_within_its_budget(demo_home: Path) -> None:
    (shown,) = run_few_shot(demo_home, "scripted:billing", "发票上的公司名称写错了，请重开。")
    answer, *examples, total = shown.splitlines()[1:]
    assert answer == "billing"
    assert re.fullmatch(r"  b5, \d+ tokens: 发票抬头写错了，能重新开一张吗？ → billing", examples[0])  # the nearest
    tokens = [int(line.split()[1]) for line in examples]
    assert total.startswith(f"  {sum(tokens)} of 200 tokens; ")
    assert sum(tokens) <= 200


@pytest.mark.slow
def test_the_third_example_lets_the_default_model_decide(demo_home: Path) -> None:
    noise, money = run_few_shot(demo_home)
    assert noise.splitlines()[1] == "service"
    assert money.splitlines()[1] == "billing"


def test_the_fourth_example_votes_and_ends_in_an_answer() -> None:
    shown = run_example("04_reasoning.py", "scripted:Four times three less two.\nAnswer: 10")
    assert shown.splitlines()[1:] == ["Four times three less two.", "Answer: 10", shown.splitlines()[3]]
    assert "samples says 10 (10: " in shown


def test_the_fifth_example_routes_with_the_default_model() -> None:
    shown = run_example("05_workflows.py", str(real_model("smollm2-135m")))
    assert "crashes when I open it. → technical" in shown
    assert "please refund me. → billing" in shown


def test_the_sixth_example_sends_back_what_does_not_stand_in_the_text() -> None:
    answers = [
        '{"name":"Maria Keller","age":34,"job":"doctor"}',
        '{"name":"Maria Keller","age":34,"job":"nurse"}',
        '{"name":"Tom Hughes","age":52,"job":"baker"}',
        '{"name":"Aisha Khan","age":29,"job":"pilot"}',
    ]
    shown = run_example("06_extract.py", f"scripted:{'|'.join(answers)}").splitlines()[1::2]
    assert shown == [
        "  Person(name='Maria Keller', age=34, job='nurse')",
        "  Person(name='Tom Hughes', age=52, job='baker')",
        "  Person(name='Aisha Khan', age=29, job='pilot')",
    ]


def test_every_example_is_listed_in_the_readme() -> None:
    readme = (ROOT / "examples" / "README.md").read_text("utf-8")
    assert [name for name in IDS if name not in readme] == []
