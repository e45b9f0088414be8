"""Rows from files: read exactly, or refused with the line that is at fault."""

import os
from pathlib import Path

import pytest

from appkit.fewshot import ExampleFileError, ExampleStore
from appkit.fewshot import reading as reading_module
from appkit.fewshot.reading import Row


def read_rows(path: Path) -> list[tuple[int, Row]]:
    return reading_module.read_rows(path, max_rows=1000)


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_json_lines_come_with_their_line_numbers_and_blank_lines_are_no_rows(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", '{"text": "a\\u2028b", "answer": 1}\r\n\n{"text": "好", "answer": "x"}\n')
    assert read_rows(path) == [(1, {"text": "a\u2028b", "answer": 1}), (3, {"text": "好", "answer": "x"})]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_tables_are_read_whatever_their_delimiter_and_cells_stay_as_written(tmp_path: Path, delimiter: str) -> None:
    text = f'text{delimiter}answer\n" two\nlines, {delimiter}"{delimiter}a\n\n好{delimiter}b\n'
    assert read_rows(write(tmp_path, "a.csv", text)) == [
        (2, {"text": f" two\nlines, {delimiter}", "answer": "a"}),
        (5, {"text": "好", "answer": "b"}),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_chinese_files_are_read_in_the_encodings_they_come_in(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path, "a.csv", "text,answer\n热泵噪音很大,维修\n".encode(encoding))
    store = ExampleStore.from_file(path)
    assert (store[0].text, store[0].label) == ("热泵噪音很大", "维修")


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('{"a" 1}', "it is not JSON: Expecting ':' delimiter at character 6"),
        ("[1]", "it is a JSON list, not an object"),
        ('{"a": NaN}', "it is no JSON object that can be used: NaN is no JSON value"),
        ('{"a": 1, "a": 2}', "'a' stands in one object twice"),
        ("[" * 100_000, "it is no JSON object that can be used: maximum recursion depth"),
        ('{"a": ' + "9" * 5000 + "}", "it is no JSON object that can be used: Exceeds the limit"),
    ],
)
def test_a_line_that_is_no_object_is_named_with_its_number(tmp_path: Path, line: str, what: str) -> None:
    path = write(tmp_path, "a.jsonl", f'{{"text": "a", "answer": "b"}}\n{line}\n')
    with pytest.raises(ExampleFileError, match=r"1 of 2 rows cannot be used\. line 2: ") as caught:
        read_rows(path)
    assert what in str(caught.value)
    assert (caught.value.path, caught.value.lines) == (path, (2,))


def test_five_faults_are_shown_and_the_others_counted(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", "[]\n" * 7)
    with pytest.raises(ExampleFileError, match=r"7 of 7 rows .* line 5: .*; and 2 more\.$") as caught:
        read_rows(path)
    assert caught.value.lines == (1, 2, 3, 4, 5, 6, 7)


def test_a_row_of_a_table_with_another_number_of_cells_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", 'text,answer\n"a\nb",c\na,b,c\n')
    with pytest.raises(ExampleFileError, match="line 4: it has 3 cells where the header names 2 columns"):
        read_rows(path)


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.csv", "text,text\na,b\n", "must name every column once"),
        ("a.csv", "text,\na,b\n", "must name every column once"),
        ("a.csv", "", "must name every column once"),
        ("a.csv", 'text,answer\n"a,b\n', "line 2 is no row of a table"),
        ("a.jsonl", b"\x00\x01\x02\x03" * 100, "not text"),
        ("a.jsonl", b"\x89PNG\r\n", "a PNG image"),
        ("a.xlsx", "", r"end in .jsonl, .ndjson, .csv, .tsv; this one ends in '.xlsx'"),
    ],
)
def test_a_file_that_holds_no_rows_says_why(tmp_path: Path, name: str, content: str | bytes, what: str) -> None:
    with pytest.raises(ExampleFileError, match=what):
        read_rows(write(tmp_path, name, content))


def test_what_is_no_ordinary_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jsonl")
    with pytest.raises(ExampleFileError, match="it is no ordinary file"):
        read_rows(tmp_path / "a.jsonl")


def test_more_rows_than_asked_for_are_refused_unread(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", "{}\n" * 1001)
    with pytest.raises(ExampleFileError, match="more than 1,000 rows"):
        read_rows(path)


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_module, "MAX_FILE_BYTES", 1 << 20)
    with pytest.raises(ExampleFileError, match="larger than 1 MiB"):
        read_rows(write(tmp_path, "a.jsonl", b" " * ((1 << 20) + 1)))
