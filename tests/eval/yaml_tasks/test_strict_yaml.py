import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appkit.errors import EvaluationError
from eval.yaml_tasks.strict_yaml import MAX_FILE_BYTES, read_task_file

scalars = st.one_of(st.none(), st.booleans(), st.integers(-(10**9), 10**9), st.text("abc: '\"\\\n猫#-", max_size=8))


def read(tmp_path: Path, text: str | bytes) -> object:
    path = tmp_path / "task.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_task_file(path)


def test_values_are_what_json_has(tmp_path: Path) -> None:
    text = "a: 1\nb: [1.5, true, no, '1', 2024-01-01, ~]\nc: {d: 1e3, 4: x}\n"
    assert read(tmp_path, text) == {
        "a": 1,
        "b": [1.5, True, "no", "1", "2024-01-01", None],
        "c": {"d": 1000.0, "4": "x"},
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty; docs/evaluation_tasks.md shows"),
        ("# nothing\n", "is empty"),
        ("- a\n- b\n", "holds a list; a task is lines of 'field: value'"),
        ("a: 1\nb: !function utils.f\n", "line 2: !function would run code that a file names; write a Jinja template"),
        (
            "a: !!python/object/apply:os.system [ls]\n",
            "line 1: !!python/object/apply:os.system is a tag, and tags are not read",
        ),
        ("a: !!str 5\n", "line 1: !!str is a tag, and tags are not read"),
        ("a: &x [1]\nb: *x\n", "aliases (*name) are not read"),
        ("a: &x {b: *x}\n", "line 1: aliases (*name) are not read"),
        ("a: 1\na: 2\n", "line 2: a is given twice"),
        ("a: 'b\n", "this is no YAML"),
        ("a: 1\n---\nb: 2\n", "this is no YAML"),
        ("? [a]\n: 1\n", "a key must be text"),
        ("a: " + "[" * 5_000, "line 1: this is nested more than 30 deep"),
        ("a: \x00", "cannot be read as YAML"),
        ("a: " + "9" * 5_000, "cannot be read as YAML: Exceeds the limit"),
        (b"a: \xff", "is not UTF-8 (byte 3); save it as UTF-8"),
        ("a: " + "x" * MAX_FILE_BYTES, "is larger than 64 KiB"),
    ],
    ids=lambda value: ascii(value[:24]),
)
def test_what_is_no_task_file_is_refused_with_its_line(tmp_path: Path, text: str | bytes, problem: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        read(tmp_path, text)
    assert any(part in str(caught.value) for part in problem.split("|")), str(caught.value)


def test_a_file_that_stands_for_a_huge_one_is_refused_at_once(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    with pytest.raises(EvaluationError, match=re.escape("line 2: aliases (*name) are not read; write the value out")):
        read(tmp_path, "\n".join(lines))


@pytest.mark.parametrize("path", ["nowhere.yaml", "."])
def test_a_path_that_is_no_file_is_one_sentence(path: str, tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="There is no task file"):
        read_task_file(tmp_path / path)


@settings(deadline=None)  # the machine may be busy
@given(st.dictionaries(st.text("abc", min_size=1, max_size=4), st.one_of(scalars, st.lists(scalars, max_size=3))))
def test_what_yaml_writes_reads_back(tmp_path_factory: pytest.TempPathFactory, value: dict[str, object]) -> None:
    import yaml

    text = yaml.safe_dump(value, allow_unicode=True)
    if value:
        assert read(tmp_path_factory.mktemp("yaml"), text) == value


@settings(deadline=None)  # the machine may be busy
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    try:
        read(tmp_path_factory.mktemp("yaml"), text.encode("utf-8", "replace"))
    except EvaluationError as error:
        assert "task.yaml" in str(error)
