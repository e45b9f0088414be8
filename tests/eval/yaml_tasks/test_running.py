"""A task from a file, through the runner."""

import json
from pathlib import Path

import pytest

from appkit import ScriptedModel
from appkit.errors import EvaluationError
from eval.harness.run import evaluate
from tests.eval.yaml_tasks.task_files import ROWS, WRITING, write_task

PIPELINES = (
    "filter_list: [{name: strict, filter: []}, {name: loose, filter: [{function: regex, regex_pattern: '[0-9]'}]}]\n"
)


def test_a_run_names_figures_as_lm_eval_does(tmp_path: Path) -> None:
    path = write_task(tmp_path, WRITING + PIPELINES)
    run = evaluate(path, ScriptedModel(lambda prompt: "It is 2."), output=tmp_path / "run")
    found = json.loads((run.folder / "results.json").read_text())["results"]["task"]
    assert (found["exact_match,strict"], found["exact_match,loose"]) == (0, 1 / 3)
    assert {"exact_match_stderr,strict", "exact_match_stderr,loose"} < set(found)
    plain = evaluate(write_task(tmp_path, WRITING), ScriptedModel(lambda prompt: "2"), output=tmp_path / "plain")
    assert json.loads((plain.folder / "results.json").read_text())["results"]["task"]["exact_match,none"] == 1 / 3


def test_a_run_goes_on_from_what_was_asked_and_not_after_the_rows_changed(tmp_path: Path) -> None:
    path = write_task(tmp_path, WRITING)
    model = ScriptedModel(lambda prompt: "2")
    evaluate(path, model, limit=2, output=tmp_path / "run")
    evaluate(path, model, output=tmp_path / "run")
    assert [request.prompt for request in model.requests] == ["one?", "two?", "three?"]
    write_task(tmp_path, WRITING, [{"q": "one?", "a": "2"}, *ROWS[1:]])
    with pytest.raises(EvaluationError, match="data_sha256"):
        evaluate(path, model, output=tmp_path / "run")
    run = evaluate(path, model, output=tmp_path / "run", fresh=True)
    assert run.figures["exact_match"].value == 2 / 3 and len(model.requests) == 6
