"""GSM8K: problems are read, asked in three ways and counted; what was asked before is not asked again."""

from pathlib import Path

import pytest

from appkit import ScriptedModel
from eval.tasks.gsm8k import RUNS, Problem, ask, ask_all, load_gsm8k, summarise
from tests.helpers.shared_data import shared_data

PROBLEMS = [Problem(question="What is 2 + 2?", gold="4"), Problem(question="What is 3 + 3?", gold="6")]


def test_the_first_problems_have_plain_numbers() -> None:
    problems = load_gsm8k(shared_data("gsm8k"), 100)
    assert len(problems) == 100
    assert all(problem.gold.lstrip("-").replace(".", "").isdigit() for problem in problems)


@pytest.mark.parametrize("run", RUNS)
def test_an_answer_counts_where_its_number_is_the_reference(run: str) -> None:
    model = ScriptedModel(["So.\nAnswer: $4.00"], repeats=True)
    right, wrong = (ask(model, run, idx, problem) for idx, problem in enumerate(PROBLEMS))
    assert (right.is_right, wrong.is_right) == (True, False)
    assert right.num_unasked == right.num_samples > 0
    assert summarise([right, wrong])["accuracy"] == 0.5


def test_worked_examples_are_shown_in_the_runs_that_have_them() -> None:
    lengths = {}
    for run in RUNS[:2]:
        model = ScriptedModel(["So.\nAnswer: 4"])
        ask(model, run, 0, PROBLEMS[0])
        lengths[run] = len(model.requests[0].prompt)
    assert lengths["8-shot"] - lengths["zero-shot"] == 16


def test_a_run_that_was_cut_goes_on(tmp_path: Path) -> None:
    progress = tmp_path / "outcomes.jsonl"
    first = ScriptedModel(["So.\nAnswer: 4"])
    list(ask_all(first, "8-shot", PROBLEMS[:1], progress))
    second = ScriptedModel(["So.\nAnswer: 6"])
    outcomes = list(ask_all(second, "8-shot", PROBLEMS, progress))
    assert [outcome.is_right for outcome in outcomes] == [True, True]
    assert len(second.requests) == 1
