import re
from pathlib import Path

import pytest

from appkit.errors import EvaluationDataError
from eval.yaml_tasks.locate import OWN_DATA, OWN_TASKS, digest, locate


def test_a_file_beside_the_task_comes_before_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("APPKIT_DATA", str(tmp_path / "data"))
    for folder in (tmp_path, tmp_path / "data"):
        (folder / "a.jsonl").write_text("{}")
    assert locate("a.jsonl", tmp_path / "task.yaml") == tmp_path / "a.jsonl"
    (tmp_path / "a.jsonl").unlink()
    assert locate("a.jsonl", tmp_path / "task.yaml") == tmp_path / "data" / "a.jsonl"


def test_a_task_of_the_package_finds_the_data_of_the_package() -> None:
    assert locate("choices_en.jsonl", OWN_TASKS / "yaml" / "choices_en.yaml") == OWN_DATA / "choices_en.jsonl"


def test_an_absolute_path_is_for_tasks_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("{}")
    assert locate(str(path), tmp_path / "task.yaml") == path
    with pytest.raises(EvaluationDataError, match="a path here is relative"):
        locate(str(path), OWN_TASKS / "yaml" / "choices_en.yaml")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("../a.jsonl", "which may not hold '..'"),
        ("data/../../a.jsonl", "which may not hold '..'"),
        ("..\\a.jsonl", "which may not hold '..'"),
        ("a\0.jsonl", "which may not hold '..'"),
        ("https://example.org/a.jsonl", "nothing is fetched; download it"),
        ("/nowhere/a.jsonl", "there is no such file"),
        ("nowhere.jsonl", "neither beside the task nor in the folder of APPKIT_DATA, which is not set"),
        ("gsm8k/nowhere.jsonl", "gsm8k/nowhere.jsonl is needed and not part of this package: GSM8K"),
        ("folder", "neither beside the task"),
        (".", "neither beside the task"),
    ],
)
def test_a_name_that_leads_nowhere_or_out_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, problem: str
) -> None:
    monkeypatch.delenv("APPKIT_DATA", raising=False)
    (tmp_path / "tasks" / "folder").mkdir(parents=True)
    (tmp_path / "a.jsonl").write_text("{}")
    with pytest.raises(EvaluationDataError, match=re.escape(problem)):
        locate(name, tmp_path / "tasks" / "task.yaml")


def test_a_digest_follows_content_and_its_order(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_text("1")
    b.write_text("2")
    before = digest([a, b])
    assert len(before) == 64 and before != digest([b, a])
    b.write_text("3")
    assert digest([a, b]) != before
