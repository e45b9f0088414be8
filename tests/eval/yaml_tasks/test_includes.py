import re
from pathlib import Path

import pytest

from appkit.errors import EvaluationError
from eval.yaml_tasks import load_yaml_task
from eval.yaml_tasks.includes import MAX_FILES, read_with_includes
from tests.eval.yaml_tasks.task_files import ROWS, WRITING, write_rows


def write(folder: Path, **files: str) -> Path:
    """Files by name; the path of the one called `task`."""
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder / "task.yaml"


def test_own_fields_come_before_included_ones_and_later_files_before_earlier(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        task="include: [first.yaml, second.yaml]\na: own\n",
        first="a: 1\nb: 1\nc: {d: 1}\n",
        second="include: third.yaml\nb: 2\n",
        third="b: 3\ne: 3\n",
    )
    assert read_with_includes(path) == {"a": "own", "b": 2, "c": {"d": 1}, "e": 3}


def test_a_field_at_fault_is_named_with_the_file_it_stands_in(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", ROWS)
    path = write(tmp_path, task="include: common.yaml\ntask: t\n", common=WRITING + "repeats: 0\n")
    with pytest.raises(EvaluationError, match=re.escape(f"{tmp_path / 'common.yaml'}, line 6: repeats is 0")):
        load_yaml_task(path)
    write(tmp_path, common=WRITING)
    assert load_yaml_task(path).name == "t"


@pytest.mark.parametrize(
    ("include", "problem"),
    [
        ("../other.yaml", "names '../other.yaml', which leads out of the folder"),
        ("/etc/passwd", "names '/etc/passwd', which leads out of the folder"),
        ("nowhere.yaml", "and there is no such file"),
        ("task.yaml", "which was read already; a file is included once"),
        ("[other.yaml, other.yaml]", "which was read already"),
        ("round.yaml", "which was read already"),
        ("[3]", "holds 3; give the name of a file"),
        ("''", "holds ''; give the name of a file"),
        ("{a: b}", "give the name of a file"),
    ],
)
def test_what_cannot_be_included_is_refused(tmp_path: Path, include: str, problem: str) -> None:
    path = write(tmp_path, task=f"a: 1\ninclude: {include}\n", other="b: 1\n", round="include: task.yaml\n")
    with pytest.raises(EvaluationError, match=re.escape(problem)):
        read_with_includes(path)


def test_a_chain_without_end_has_one(tmp_path: Path) -> None:
    files = {f"f{n}": f"include: f{n + 1}.yaml\n" for n in range(MAX_FILES + 1)}
    with pytest.raises(EvaluationError, match=f"makes more than {MAX_FILES} files"):
        read_with_includes(write(tmp_path, task="include: f0.yaml\n", **files))
