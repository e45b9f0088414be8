"""docs/evaluation_tasks.md shows a task that runs, and says of every field and metric that there is what it is."""

import re
from pathlib import Path

import pytest

from appkit import ScriptedModel
from eval.yaml_tasks import load_yaml_task
from eval.yaml_tasks.config import SETTINGS, TASK_FIELDS
from eval.yaml_tasks.filters import FILTER_OPTIONS
from eval.yaml_tasks.metric_table import METRICS
from tests.eval.yaml_tasks.task_files import write_rows
from tests.helpers.shared_data import ROOT

PAGE = (ROOT / "docs" / "evaluation_tasks.md").read_text("utf-8")
EXAMPLE = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
SHIPPED = sorted((ROOT / "eval" / "tasks" / "yaml").glob("*.yaml"))


def test_the_example_runs(tmp_path: Path) -> None:
    (tmp_path / "capitals.yaml").write_text(EXAMPLE[0])
    write_rows(tmp_path / "capitals.jsonl", [{"country": "France", "capital": " Paris"}])
    task = load_yaml_task(tmp_path / "capitals.yaml")
    with task.open(ScriptedModel([" paris\nQuestion:"]), None) as session:
        answer = session.ask(session.samples[0])
    assert answer.arguments[0][0] == "Question: What is the capital of France?\nAnswer:"
    assert answer.values == {"exact_match": 1.0}
    assert len(EXAMPLE[0].splitlines()) == 10


def test_the_page_names_all_that_there_is() -> None:
    silent = {"task_alias", "tag", "dataset_name", "should_decontaminate", "doc_to_decontamination_query"}
    options = {option for about in METRICS.values() for option in about.options}
    names = (TASK_FIELDS - silent) | set(METRICS) | options | set(FILTER_OPTIONS) | set(SETTINGS)
    assert [name for name in sorted(names) if name not in PAGE] == []


@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_a_shipped_task_reads_all_its_rows(path: Path) -> None:
    model = ScriptedModel(["x"], score=lambda prompt, continuation: [0.0])
    task = load_yaml_task(path)
    assert task.name == path.stem and len(task.about) < 120
    with task.open(model, None) as session:
        assert len(session.samples) >= 10
