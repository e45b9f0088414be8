"""Tables in a terminal: every figure with its interval, differences in words, and no text that a terminal obeys."""

from pathlib import Path

import pytest

from appkit import ScriptedModel
from eval.harness.compare import compare_runs
from eval.harness.run import evaluate, load_run
from eval.reports.terminal import in_words, print_comparison, print_run
from tests.helpers.evaluation_runs import figure, record, write_run
from tests.helpers.small_task import SmallTask


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


def hostile(folder: Path) -> Path:
    """A run whose names hold escapes and markup."""
    records = [record(0, "q", "a", acc=1.0)]
    figures = {"[red]acc\x1b[31m": figure(0.5, 0.25, 0.75, signature="v1\x1b]0;title\x07")}
    return write_run(folder, records, figures, task="sums\x1b[2J", model="[bold]tiny[/bold]\u202e")


def test_names_of_a_run_are_neither_markup_nor_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_run(load_run(hostile(tmp_path / "run")))
    shown = capsys.readouterr().out
    assert "\x1b" not in shown and "\x07" not in shown and "\u202e" not in shown
    assert "sums[2J · [bold]tiny[/bold]" in shown
    assert "[red]acc" in shown


def test_a_figure_without_an_interval_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_run(evaluate(SmallTask(), ScriptedModel(lambda question: "1"), limit=1, output=tmp_path))
    shown = capsys.readouterr().out
    assert "chars: no interval: 1 cluster has no spread" in shown


def test_a_narrow_terminal_does_not_cut_what_is_piped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    folder = tmp_path / ("long " * 30)
    print_run(evaluate(SmallTask(), ScriptedModel(lambda question: "1"), output=folder))
    shown = capsys.readouterr().out
    assert f"Kept in {folder.parent}" in shown
    assert "95% interval" in shown
    assert "…" not in shown.replace(" … ", "")


def test_differences_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task = SmallTask(num_samples=24)
    never = evaluate(task, ScriptedModel(lambda question: "no"), output=tmp_path / "a")
    always = evaluate(task, ScriptedModel(lambda q: str(int(str(q).split()[0]) + 1)), output=tmp_path / "b")
    once = evaluate(task, ScriptedModel(lambda question: "7"), output=tmp_path / "c")
    assert in_words(compare_runs(never, always).measures[0]) == (
        "acc: B is better, by more than chance explains (p = 0.0005)."
    )
    assert in_words(compare_runs(always, never).measures[0]).startswith("acc: A is better, by more than chance")
    assert in_words(compare_runs(never, once).measures[0]) == (
        "acc: the difference is no larger than chance explains (p = 1.0000)."
    )
    assert in_words(compare_runs(never, never).measures[0]) == "acc: A and B are equal."
    many = [
        evaluate(SmallTask(num_samples=40), ScriptedModel(answer), output=tmp_path / name)
        for name, answer in (("d", lambda question: "no"), ("e", lambda q: str(int(str(q).split()[0]) + 1)))
    ]
    assert in_words(compare_runs(*many).measures[0]) == ("acc: B is better, by more than chance explains (p < 0.0001).")
    print_comparison(compare_runs(never, always))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["acc", "0", "1", "+1", "+1", "…", "+1", "0.0005", "24", "/", "0"] in lines
