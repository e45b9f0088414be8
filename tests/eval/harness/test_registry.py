"""Finding tasks: every one that is shipped, a user's file, and what is not there."""

import re
from pathlib import Path

import pytest

from appkit.errors import EvaluationError
from eval.harness.registry import PYTHON_TASKS, describe_task, find_task, list_tasks, task_names

NEED_A_RUN = ("judge_grade", "judge_prefer")  # they judge the answers of one


@pytest.mark.parametrize("name", [name for name in task_names() if name not in NEED_A_RUN])
def test_every_shipped_task_is_found_under_its_name(name: str) -> None:
    task = find_task(name)
    assert task.name == name
    assert task.about and "\n" not in task.about
    entry = describe_task(name)
    assert (entry.name, entry.about) == (name, task.about)
    assert all(entry.settings.values())


@pytest.mark.parametrize("name", NEED_A_RUN)
def test_a_task_that_needs_a_setting_says_which(name: str) -> None:
    with pytest.raises(ValueError, match="choose run=FOLDER"):
        find_task(name)
    assert "run" in describe_task(name).settings


@pytest.mark.parametrize("name", sorted(PYTHON_TASKS))
def test_every_python_task_refuses_a_setting_it_does_not_have(name: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{name} has no setting 'colour'")):
        find_task(name, {"colour": "red"})


def test_all_are_listed_by_name() -> None:
    assert [entry.name for entry in list_tasks()] == sorted(task_names())


def test_the_near_names_are_said() -> None:
    with pytest.raises(ValueError, match="No evaluation is called 'gms8k': did you mean gsm8k"):
        find_task("gms8k")


def test_a_file_of_the_users_is_a_task(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"q": "2 + 2 =", "a": "4"}\n')
    path = tmp_path / "mine.yaml"
    path.write_text(
        "task: mine\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: rows.jsonl\ntest_split: test\n"
        "output_type: generate_until\ndoc_to_text: '{{q}}'\ndoc_to_target: '{{a}}'\n"
    )
    assert find_task(path).name == "mine"
    assert find_task(str(path), {"num_fewshot": "0"}).num_fewshot == 0


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="none"):
        find_task(tmp_path / "none.yaml")
