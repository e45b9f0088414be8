"""Every task written in Python is what the registry says, and what it refuses it refuses at once."""

from contextlib import nullcontext

import pytest

from appkit import LocalModel, ScriptedModel
from eval.harness.registry import PYTHON_TASKS, find_task, list_tasks
from eval.tasks.python_task import AskedSession, PythonTask, in_flight
from tests.helpers.tiny_model import write_tiny_model

NAMES = ["bfcl", "clapnq", "cranfield", "gsm8k", "perplexity", "smoke"]


@pytest.mark.parametrize("name", NAMES)
def test_a_task_is_made_without_its_data_and_says_what_was_chosen(name, monkeypatch) -> None:
    if name == "clapnq":
        pytest.importorskip("rouge_score", reason="it is in the extra 'eval', which is not installed")
    monkeypatch.delenv("APPKIT_DATA", raising=False)
    entry = next(entry for entry in list_tasks() if entry.name == name)
    task = find_task(name)
    assert (task.name, task.about) == (name, entry.about)
    assert task.settings.keys() == entry.settings.keys()  # everything that can be chosen tells runs apart
    assert len({measure.name for measure in task.measures}) == len(task.measures) > 0
    assert name in PYTHON_TASKS


def test_a_limit_of_none_is_refused_before_anything_is_opened() -> None:
    session = AskedSession(samples=(), ask=lambda sample: None, figures=lambda samples, answers: {})  # type: ignore[arg-type,return-value]
    task = PythonTask(
        name="toy", about="", version="1", output_type="retrieval", measures=(), settings={}, needs_model=False,
        open_session=lambda model, limit: nullcontext(session),
    )  # fmt: skip
    with pytest.raises(ValueError, match="limit is 0; ask 1 sample at least"):
        task.open(None, 0)
    with task.open(None, 1) as opened:
        assert opened is session


def test_a_local_model_is_asked_several_at_once_and_a_script_in_its_order(tmp_path) -> None:
    assert in_flight(ScriptedModel(["x"])) == in_flight(None) == 1
    with LocalModel(write_tiny_model(tmp_path / "tiny.gguf"), num_threads=1) as model:
        assert in_flight(model) == 4
