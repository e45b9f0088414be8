"""Every example runs as it stands; one that takes a model, with a scripted one, and the default one if it is here."""

import json
import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import appkit
from appkit import ScriptedModel
from tests.appkit.cli.agent_scripts import answer, call
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


def answers_of(name: str, home: Path, *arguments: str) -> list[str]:
    """What an example prints for each question, with the data folder in `home`."""
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / name, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment(home),
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split("> ")[1:]


def test_the_second_example_answers_from_the_shipped_folder(demo_home: Path) -> None:
    english, chinese, unanswered = answers_of("02_ask.py", demo_home)
    assert "at least 100 mm thick" in english
    assert "] installation-guide.html, characters " in english
    assert "整机保修期为五年" in chinese
    assert "] 保修条款.pdf, page 1, characters " in chinese
    assert unanswered.splitlines()[1:] == ["I found no answer to this in these documents."]


def test_the_third_example_shows_the_examples_it_chose_within_its_budget(demo_home: Path) -> None:
    (shown,) = answers_of("03_few_shot.py", demo_home, "scripted:billing", "发票上的公司名称写错了，请重开。")
    answer, *examples, total = shown.splitlines()[1:]
    assert answer == "billing"
    assert re.fullmatch(r"  b5, \d+ tokens: 发票抬头写错了，能重新开一张吗？ → billing", examples[0])  # the nearest
    tokens = [int(line.split()[1]) for line in examples]
    assert total.startswith(f"  {sum(tokens)} of 200 tokens; ")
    assert sum(tokens) <= 200


@pytest.mark.slow
def test_the_third_example_lets_the_default_model_decide(demo_home: Path) -> None:
    noise, money = answers_of("03_few_shot.py", demo_home)
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


def scripted(*steps: str) -> str:
    """The name of a model that takes these ReAct steps."""
    return "scripted:" + "|".join(steps)


def test_the_seventh_example_tells_what_was_quoted_from_what_was_not(demo_home: Path) -> None:
    quote = "The concrete must be at least 100 mm thick"
    model = scripted(call("look_up", question="How thick must the concrete be?"), answer(f"{quote}, I think."))
    first, *_ = answers_of("07_research_agent.py", demo_home, model)
    assert first.splitlines()[1:] == [f"{quote}, I think.", "  in its own words"]


def test_the_eighth_example_shows_its_sql_and_the_answer() -> None:
    sql = "SELECT COUNT(*) FROM orders WHERE customer = 'Lena'"
    shown = run_example("08_sql_agent.py", scripted(call("query_sqlite", sql=sql), answer("3")))
    assert shown.splitlines()[:3] == ["> How many orders did Lena place?", f"  {sql}", "3"]


def test_the_ninth_example_computes_what_it_is_asked() -> None:
    sums = ("28 * 34", "12 * 37", "5480 + 7365")
    steps = [step for sum in sums for step in (call("calculator", expression=sum), answer("see above"))]
    shown = run_example("09_math_agent.py", scripted(*steps)).splitlines()
    assert [line for line in shown if line.startswith("  ")] == [
        "  calculator: 28 * 34 = 952",
        "  calculator: 12 * 37 = 444",
        "  calculator: 5480 + 7365 = 12845",
    ]


def test_the_ninth_example_is_right_with_the_default_model() -> None:
    shown = run_example("09_math_agent.py", str(real_model("smollm2-135m")))
    assert [part.splitlines()[-1] for part in shown.split("> ")[1:]] == ["952", "444", "12845"]


def test_the_tenth_example_sends_each_request_to_its_specialist(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def likelihood(prompt: str, continuation: str) -> list[float]:
        wanted = "orders" if re.search("Lena place|the lamp", prompt) else "sums"
        return [-0.1 if continuation.strip() == wanted else -1.0] * len(continuation)

    steps = [
        call("calculator", expression="28 * 34"),
        answer("952"),
        call("query_sqlite", sql="SELECT COUNT(*) FROM orders WHERE customer = 'Lena'"),
        answer("3"),
        call("calculator", expression="5480 + 7365"),
        answer("12845"),
        call("query_sqlite", sql="SELECT customer FROM orders WHERE product = 'lamp'"),
        answer("Lena"),
    ]
    monkeypatch.setattr(appkit, "open_model", lambda: ScriptedModel(steps, score=likelihood), raising=False)
    monkeypatch.setattr(sys, "argv", ["10_router.py"])
    runpy.run_path(str(ROOT / "examples" / "10_router.py"))
    shown = capsys.readouterr().out.split("> ")[1:]
    assert [part.splitlines()[1].split()[0] for part in shown] == ["sums", "orders", "sums", "orders"]
    assert [part.splitlines()[-1] for part in shown] == ["952", "3", "12845", "Lena"]


def fine_tune(folder: Path, *arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "examples" / "11_fine_tune.py", folder, *arguments],
        capture_output=True,
        text=True,
        timeout=3600,
        env={**os.environ, "PATH": path if path is not None else os.environ["PATH"]},
    )


def write_apt_cache(folder: Path) -> Path:
    """A folder with an apt-cache that knows four packages of each section, and those that are not to be taken."""
    task = yaml.safe_load((ROOT / "examples" / "debian_sections.yaml").read_text("utf-8"))
    packages = [
        ("gamesa-doc", "gamesa (1.0)", "games", "manual of another game"),  # its source is there
        ("gamesx", "gamesx", "universe/games", "transitional package"),
        ("gamesy", "gamesy", "universe/games", "Gamesb Gamesbs are here!"),  # the words of another
        ("liba", "liba", "libs", "a library"),
        *(
            (f"{section}{letter}", f"{section}{letter}", f"universe/{section}", f"{section}{letter} {section}{letter}s")
            for section in task["doc_to_choice"]
            for letter in "abcd"
        ),
    ]
    lists = "\n".join(
        f"Package: {name}\nSource: {source}\nSection: {section}\nDescription: {text}\n"
        for name, source, section, text in packages
    )
    (folder / "lists").write_text(lists)
    (folder / "apt-cache").write_text(f"#!/bin/sh\nexec cat '{folder / 'lists'}'\n")
    (folder / "apt-cache").chmod(0o755)
    return folder


def test_the_eleventh_example_measures_with_what_it_did_not_learn(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    real_model("smollm2-135m")
    (tmp_path / "bin").mkdir()
    path = f"{write_apt_cache(tmp_path / 'bin')}:{os.environ['PATH']}"
    done = fine_tune(tmp_path / "work", "1", "3", path=path)
    assert (done.returncode, done.stderr) == (0, "")
    first, before, learning, after, difference, *more = done.stdout.splitlines()
    assert first.startswith("36 lines to learn, 12 to measure with.")
    assert re.match(r"Learnt in \d+ s, [\d,]+ tokens\.", learning)
    values = [
        re.match(rf"{name}: ([\d.]+) \[.*\] \(n=12\)", shown) for name, shown in (("Before", before), ("After", after))
    ]
    assert all(values)
    assert re.match(r"Difference: [\d.]+ - [\d.]+ = -?[\d.]+ \[.*\] \(n=12\), p = ", difference)
    assert [" → " in answer for answer in more[:3]] == [True] * 3
    preview, compare, _ = (shlex.split(line)[1:] for line in more[4:])
    for arguments in (preview, compare):
        subprocess.run([sys.executable, "-m", "appkit", *arguments], check=True, capture_output=True, timeout=300)
    learnt, held_out = (
        [json.loads(line)["text"] for line in (tmp_path / "work" / name).read_text().splitlines()]
        for name in ("train.jsonl", "held_out.jsonl")
    )
    assert (len({*learnt}), len({*held_out}), {*learnt} & {*held_out}) == (36, 12, set())
    for siblings in (("gamesa gamesas", "manual of another game"), ("gamesb gamesbs", "Gamesb Gamesbs are here!")):
        assert sum(text in {*learnt, *held_out} for text in siblings) == 1
    assert "transitional package" not in {*learnt, *held_out}
    again = fine_tune(tmp_path / "work", "1", "3", path=path)
    assert again.stdout == done.stdout, "what is done is not done again"


def test_the_eleventh_example_says_what_it_lacks(tmp_path: Path) -> None:
    done = fine_tune(tmp_path / "work", path=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "This example learns from the package lists of Debian or Ubuntu, and there is no apt-cache here.\n"
    )


@pytest.mark.slow
def test_the_eleventh_example_makes_the_default_model_better(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    real_model("smollm2-135m")
    done = fine_tune(tmp_path / "work")
    if done.returncode == 1 and "apt" in done.stderr:
        pytest.skip(done.stderr)
    assert (done.returncode, done.stderr) == (0, "")
    shown = re.search(r"Difference: ([\d.]+) - [\d.]+ = [\d.]+ \[([-\d.]+), ", done.stdout)
    assert shown, done.stdout
    assert float(shown[1]) > 0.5, "right more often than not, of twelve sections"
    assert float(shown[2]) > 0.2, "and chance does not explain it"


RIGHT = {  # what the answer to each question of an agent has to say
    "07_research_agent.py": (
        r"100 mm.*\[installation-guide\.html\]",
        r"24 months.*\[maintenance\.md\]",
        r"ten years.*\[warranty-terms\.pdf\]",
    ),
    "08_sql_agent.py": (r"^3\.?$", r"^720(\.0)?\.?$", r"^Lena\.?$"),
    "09_math_agent.py": (r"^952\.?$", r"^444\.?$", r"^12,?845\.?$"),
    # The agent that was chosen, with its answer where this model gives it; for counts its header asks for a larger one.
    "10_router.py": (r"^  sums .*\n952\.?$", r"^  orders ", r"^  sums .*\n12,?845\.?$", r"^  orders .*\nLena\.?$"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RIGHT)
def test_agents_are_right_on_8_of_10_seeds_with_the_default_model(name: str, demo_home: Path) -> None:
    def is_right(seed: int) -> bool:
        command = [sys.executable, str(ROOT / "examples" / name), "smollm2-135m", str(seed)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment(demo_home))
        answers = [part.partition("\n")[2] for part in done.stdout.split("> ")[1:]]
        patterns = RIGHT[name]
        found = [re.search(pattern, text, re.M) for pattern, text in zip(patterns, answers, strict=True)]
        return done.returncode == 0 and all(found)

    assert sum(map(is_right, range(1, 11))) >= 8


def test_every_example_is_listed_in_the_readme() -> None:
    readme = (ROOT / "examples" / "README.md").read_text("utf-8")
    assert [name for name in IDS if name not in readme] == []
