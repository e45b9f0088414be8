import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appkit.errors import EvaluationDataError
from eval.yaml_tasks.rows import FileKind, read_rows
from tests.eval.yaml_tasks.task_files import write_rows


def values(path: Path, kind: FileKind = "json") -> list[dict[str, object]]:
    return [dict(row.values) for row in read_rows([path], kind)]


def test_json_lines_know_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('\ufeff{"a": "\u2028"}\n\n{"a": 2}\n', "utf-8")
    rows = read_rows([path], "json")
    assert [(row.place, row.values) for row in rows] == [
        (f"{path}, line 1", {"a": "\u2028"}),
        (f"{path}, line 3", {"a": 2}),
    ]


def test_a_json_list_and_several_files_are_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"a": 1}, {"a": [2]}]')
    write_rows(tmp_path / "b.jsonl", [{"a": 3}])
    rows = read_rows([tmp_path / "a.json", tmp_path / "b.jsonl"], "json")
    assert [row.values["a"] for row in rows] == [1, [2], 3]
    assert rows[1].place.endswith("a.json, row 2")


def test_a_table_has_numbers_where_a_whole_column_is_numbers(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('q,label,code,mixed\n"a, b\nc",0,007,1\nd,12,8,\n', "utf-8")
    assert values(path, "csv") == [
        {"q": "a, b\nc", "label": 0, "code": "007", "mixed": "1"},
        {"q": "d", "label": 12, "code": "8", "mixed": ""},
    ]


def test_a_tsv_file_has_tabs(tmp_path: Path) -> None:
    path = tmp_path / "rows.tsv"
    path.write_text("a\tb\nx, y\t2\n")
    assert values(path, "csv") == [{"a": "x, y", "b": 2}]


@pytest.mark.parametrize(
    ("kind", "content", "problem"),
    [
        ("json", b"", "there are no rows; an evaluation needs one at least"),
        ("json", b"\n \n", "there are no rows"),
        ("json", b"[]", "there are no rows"),
        ("json", b'{"a": 1}\n{"a": NaN}\n', "line 2 is no JSON that can be used: NaN is no JSON value"),
        ("json", b'{"a": 1}\n{"a": 1e999}\n', "line 2 is no JSON that can be used: 1e999 is too large a number"),
        ("json", b'{"a": 1}\n{"a": 1,}\n', "line 2 is not JSON"),
        ("json", b'{"a": 1}\n3\n', "line 2: it is 3, and a row is an object"),
        ("json", b'{"a": 1, "a": 2}\n', "the name 'a' stands in one object twice"),
        ("json", b'{"a": "\\ud800"}\n', "line 1 holds half of a surrogate pair"),
        ("json", b"[" * 100_000, "it is nested too deeply"),
        ("json", b'{"a":' * 100_000, "line 1 is nested too deeply"),
        ("json", b'[{"a": 1}, 2]', "row 2: it is 2, and a row is an object"),
        ("json", b'{"a": 1' + b"1" * 5_000 + b"}", "line 1 is no JSON that can be used: Exceeds the limit"),
        ("json", b'{"a": "\xff"}', "byte 7 is not UTF-8; save the file as UTF-8"),
        ("csv", b"a,b\n", "there are no rows"),
        ("csv", b"a,a\n1,2\n", "its first line must name every column once"),
        ("csv", b"a,\n1,2\n", "its first line must name every column once"),
        ("csv", b"a,b\n1,2\n3\n", "line 3 has 1 cells where the first line names 2 columns"),
        ("csv", b'a,b\n1,2\n"3"x,4\n', "line 3 is no row of a table"),
        ("csv", b'a\n"' + b"x" * 200_000 + b'"\n', "line 2 is no row of a table: field larger than field limit"),
    ],
    ids=lambda value: ascii(value[:24]),
)
def test_what_cannot_be_used_is_named_with_its_line(
    tmp_path: Path, kind: FileKind, content: bytes, problem: str
) -> None:
    path = tmp_path / "rows"
    path.write_bytes(content)
    with pytest.raises(EvaluationDataError, match=re.escape(problem)):
        read_rows([path], kind)


def test_too_many_rows_and_too_large_a_file_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [{"a": 1}] * 4)
    monkeypatch.setattr("eval.yaml_tasks.rows.MAX_ROWS", 3)
    with pytest.raises(EvaluationDataError, match="there are more than 3 rows; take a sample of them"):
        read_rows([path], "json")
    monkeypatch.setattr("eval.yaml_tasks.rows.MAX_FILE_BYTES", 10)
    with pytest.raises(EvaluationDataError, match="it is larger than 0 MiB, the most that is read; split it"):
        read_rows([path], "json")


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(EvaluationDataError, match="there is no such file"):
        read_rows([tmp_path / "pipe"], "json")


@settings(deadline=None)  # the machine may be busy
@given(st.binary(max_size=80), st.sampled_from(["json", "csv"]))
def test_any_bytes_are_rows_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, kind: FileKind
) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows"
    path.write_bytes(content)
    try:
        assert read_rows([path], kind)
    except EvaluationDataError as error:
        assert str(path) in str(error)
