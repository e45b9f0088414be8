"""`-p name=value`: text becomes a value of the variable's type, or one sentence."""

from pathlib import Path
from typing import Any

import pytest

from appkit.cli.params import fill_in, read_params
from appkit.errors import TemplateError
from appkit.templates import Prompt

TYPES = ("str", "int", "float", "bool", "list[str]", "list[dict]", "any")
PROMPT = Prompt.from_text(
    "---\nvariables:\n"
    + "".join(
        f'  v{idx}: {{type: "{type}", default: {default}}}\n'
        for idx, (type, default) in enumerate(zip(TYPES, ("''", 0, 0, "false", "[]", "[]", "null"), strict=True))
    )
    + "---\n"
)


def value(type: str, *texts: str) -> Any:
    name = f"v{TYPES.index(type)}"
    return read_params(PROMPT, [f"{name}={text}" for text in texts])[name]


@pytest.mark.parametrize(
    ("type", "text", "expected"),
    [
        ("str", "", ""),
        ("str", "a=b {{ x }}", "a=b {{ x }}"),
        ("str", "@@mention", "@mention"),
        ("str", "[1]", "[1]"),
        ("int", "-3", -3),
        ("float", "1e-2", 0.01),
        ("bool", "True", True),
        ("bool", "no", False),
        ("list[str]", "你好, b", ["你好, b"]),
        ("list[str]", '["a", "b"]', ["a", "b"]),
        ("list[str]", "[draft] a", ["[draft] a"]),
        ("list[dict]", '[{"a": 1}]', [{"a": 1}]),
        ("any", "1e5", "1e5"),
        ("any", '{"a": [1]}', {"a": [1]}),
        ("any", '"1"', "1"),
    ],
)
def test_text_becomes_a_value_of_the_type(type: str, text: str, expected: object) -> None:
    found = value(type, text)
    assert found == expected
    assert isinstance(found, expected.__class__)


def test_a_list_is_given_piece_by_piece_or_a_line_an_item(tmp_path: Path) -> None:
    path = tmp_path / "labels"
    path.write_text("c\nd e\n")
    assert value("list[str]", "a", f"@{path}", '["f"]') == ["a", "c", "d e", "f"]


def test_a_file_is_read_without_its_last_line_break(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes("\r\n你好\n\n".encode())
    assert value("str", f"@{path}") == "\r\n你好\n"


@pytest.mark.parametrize(
    ("type", "texts", "words"),
    [
        ("int", ["x"], "is 'x', which is no int"),
        ("int", ["9" * 5000], "which is no int"),
        ("bool", ["maybe"], "no bool"),
        ("list[dict]", ["a"], "no JSON"),
        ("any", ["{"], "no JSON"),
        ("any", ["[" * 100_000], "no JSON"),
        ("str", ["a", "b"], "more than once"),
        ("str", ["@"], "names no file"),
        ("list[str]", ["@-", "@-"], "Standard input"),
    ],
)
def test_what_is_not_of_the_type_is_refused(type: str, texts: list[str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        value(type, *texts)


def test_files_that_are_no_text_or_too_large_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes("你好".encode("gb18030"))
    with pytest.raises(ValueError, match="not UTF-8"):
        value("str", f"@{path}")
    with path.open("wb") as file:
        file.truncate((16 << 20) + 1)
    with pytest.raises(ValueError, match="larger than 16 MiB"):
        value("str", f"@{path}")


def test_a_question_is_the_one_text_that_is_missing() -> None:
    prompt = Prompt.from_text("---\nvariables: {a: {type: str}, b: {type: str}, c: {type: int}}\n---\n")
    assert fill_in(prompt, {"a": "1", "c": 2}, "q") == {"a": "1", "b": "q", "c": 2}
    for given in ({}, {"a": "1"}, {"a": "1", "b": "2"}, {"a": "1", "b": "2", "c": 3}):
        with pytest.raises(TemplateError, match="no place"):
            fill_in(prompt, given, "q")
