"""Agents over a model of random weights: no fault of form, no tool that does not exist, no limit passed."""

from pathlib import Path
from typing import Any

import pytest

from appkit import LanguageModel, open_model
from eval.tasks.agent_steps import FAULTS, How, add, figures_of, make_run, runs
from eval.tasks.agent_tool_sets import tool_sets
from tests.helpers.tiny_model import write_tiny_model

SETS = tool_sets()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = write_tiny_model(tmp_path_factory.mktemp("model") / "tiny.gguf", metadata={"llama.context_length": 16_384})
    with open_model(path) as opened:
        yield opened


@pytest.mark.filterwarnings("ignore::appkit.ModelNotice")  # a Chinese task
@pytest.mark.parametrize("dialect", ["tools", "react"])
@pytest.mark.parametrize("number", range(len(SETS)), ids=[each.name for each in SETS])
def test_a_random_model_makes_no_fault(model: LanguageModel, number: int, dialect: Any) -> None:
    run = make_run(model, How(dialect), SETS[number], number + len(SETS))
    assert run.faults == ()
    assert run.reason != "crashed"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::appkit.ModelNotice")
@pytest.mark.parametrize("dialect", ["tools", "react"])
def test_many_steps_of_a_random_model_make_no_fault(model: LanguageModel, dialect: Any) -> None:
    made = list(runs(model, How(dialect), 200, first=1000))
    figures = figures_of(made, 1.0)
    assert figures["steps"] >= 200
    assert figures["faults"] == dict.fromkeys(FAULTS, 0)


def test_figures_of_pieces_add_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "agent-steps.json").write_text('{"a": {"runs": 2, "reasons": {"steps": 2}, "command": "x"}}', "utf-8")
    monkeypatch.setattr("eval.tasks.agent_steps.RESULTS", tmp_path)
    added = add({"runs": 3, "reasons": {"steps": 1, "tokens": 2}, "command": "y"}, "a")
    assert added == {"runs": 5, "reasons": {"steps": 3, "tokens": 2}, "command": "y"}
