"""Rows become lines that name their columns."""

import pytest

from appkit.retrieval.loaders.errors import UnusableContentError
from appkit.retrieval.loaders.table import read_csv, read_tsv


def test_a_row_becomes_lines_of_header_and_value_and_a_section() -> None:
    content = read_csv('名称,stock,note\n水泵,3,\n\nSeal,,"two,\nlines"\n'.encode())
    assert content.text == "名称: 水泵\nstock: 3\n\n名称: Seal\nnote: two,\nlines\n"
    assert [(s.title, content.text[s.start : s.end].strip()) for s in content.sections] == [
        ("row 2", "名称: 水泵\nstock: 3"),
        ("row 4", "名称: Seal\nnote: two,\nlines"),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_seen_from_the_first_line(delimiter: str) -> None:
    table = delimiter.join(['"a,b"', "c", "d"]) + "\n" + delimiter.join("123")
    assert read_csv(table.encode()).text == "a,b: 1\nc: 2\nd: 3\n"


def test_tabs_separate_whatever_else_is_in_the_line() -> None:
    assert read_tsv(b"a, b, c\td\n1\t2\n").text == "a, b, c: 1\nd: 2\n"


def test_columns_without_a_header_are_numbered() -> None:
    assert read_csv(b"1,2\n3,4\n").text == "column 1: 1\ncolumn 2: 2\n\ncolumn 1: 3\ncolumn 2: 4\n"
    assert read_csv(b"a\n1,2\n").text == "a: 1\ncolumn 2: 2\n"


def test_a_table_of_nothing_but_a_header_is_its_header() -> None:
    assert read_csv(b"a,b\n").text == "a | b\n"


def test_a_cell_without_end_names_its_line() -> None:
    with pytest.raises(UnusableContentError, match="Line 2"):
        read_csv(b'a,b\n"' + b"x" * (1 << 24) + b"x")
