"""Columns of text in a terminal."""

from itertools import pairwise

import pytest

from appkit.cli.columns import columns, fitted, line_breaks, rows, wrapped_list


@pytest.mark.parametrize(("text", "expected"), [("abc", 3), ("中a", 3), ("e\u0301", 1), ("👍", 2), ("，", 2), ("", 0)])
def test_columns(text: str, expected: int) -> None:
    assert columns(text) == expected


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [("", 4, 1), ("abcd", 4, 1), ("abcde", 4, 2), ("abc中", 4, 2), ("中中中", 4, 2), ("a中中", 4, 2)],
)
def test_rows_count_as_a_terminal_wraps(text: str, width: int, expected: int) -> None:
    assert rows(text, width) == expected


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [("ab", 4, "ab  "), ("abcde", 4, "abc…"), ("中文字", 4, "中… "), ("中文", 4, "中文"), ("中文字", 5, "中文…")],
)
def test_fitted_fills_exactly_its_columns(text: str, width: int, expected: str) -> None:
    assert fitted(text, width) == expected


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("one two three", 7, ["one two ", "three"]),
        ("abcdefghij k", 4, ["abcd", "efgh", "ij k"]),
        ("中文（注）。", 8, ["中文", "（注）。"]),
        ("「中文」好", 4, ["「中", "文」", "好"]),
    ],
)
def test_lines_break_where_a_reader_expects_it(text: str, width: int, expected: list[str]) -> None:
    edges = [0, *line_breaks(text, width), len(text)]
    assert [text[start:end] for start, end in pairwise(edges)] == expected


@pytest.mark.parametrize(
    ("line", "width", "expected"),
    [
        ("/undo [n]  take back the last turn", 32, "/undo [n]  take back the last\n           turn"),
        ("/撤回  把最近的一轮从对话里撤回来吧好吗", 28, "/撤回  把最近的一轮从对话里\n       撤回来吧好吗"),
        ("prompt  56  in all, as it is read", 33, "prompt  56  in all, as it is read"),
        ("a long name  and its words", 20, "a long name  and its\nwords"),
        ("no name, only words", 10, "no name,\nonly words"),
    ],
    ids=["words", "Chinese", "fits", "no room beside the name", "no name"],
)
def test_what_is_said_of_a_name_goes_on_beneath_itself(line: str, width: int, expected: str) -> None:
    assert wrapped_list(line, width) == expected
