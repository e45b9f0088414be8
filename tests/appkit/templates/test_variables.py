"""Variables have a type, and a value of another type is refused."""

from typing import Any, cast

import pytest

from appkit import TemplateError
from appkit.templates import Prompt, Variable
from appkit.templates.variables import MAX_NESTING, RESERVED, TYPES, VariableType, problem_with


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


FITTING = {
    "str": ["", "你好"],
    "int": [0, -(10**30)],
    "float": [0.5, 3],
    "bool": [True, False],
    "list[str]": [[], ["a"], ("a", "b")],
    "list[dict]": [[], [{"a": [1, {"b": None}]}]],
    "any": [None, 1, "x", [1, [2]], {"a": {"b": 1.5}}, nested(MAX_NESTING)],
}
UNFIT = {
    "str": [None, 1, ["a"], b"a"],
    "int": [1.0, True, "1", None],
    "float": [True, "1", float("nan"), float("inf")],
    "bool": [0, 1, "true", None],
    "list[str]": ["abc", [1], ["a", None], {"a": 1}, None],
    "list[dict]": [{"a": 1}, ["a"], [{"a": object()}], [{1: "a"}]],
    "any": [object(), {1}, {1: 2}, [float("nan")], b"x", nested(MAX_NESTING + 1)],
}


def test_both_tables_cover_every_type() -> None:
    assert set(FITTING) == set(UNFIT) == set(TYPES)


@pytest.mark.parametrize(("type", "value"), [(type, value) for type in TYPES for value in FITTING[type]])
def test_a_value_of_the_type_passes(type: str, value: object) -> None:
    assert problem_with(value, cast(VariableType, type)) == ""


@pytest.mark.parametrize(("type", "value"), [(type, value) for type in TYPES for value in UNFIT[type]])
def test_a_value_of_another_type_does_not(type: str, value: object) -> None:
    assert problem_with(value, cast(VariableType, type)) != ""


def declared(text: str) -> Variable:
    (variable,) = Prompt.from_text(f"---\nvariables:\n  {text}\n---\n").variables.values()
    return variable


def test_a_declaration_is_read_whole() -> None:
    assert declared("n: {type: int, about: How many., default: 3}") == Variable(
        name="n", type="int", about="How many.", default=3, line=3
    )
    assert declared("文本: {type: str}").is_required
    assert not declared("a: {type: any, default: null}").is_required


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: str", r"write a: \{type: str\}"),
        ("a: {type: text}", "is of type 'text'; there are str, int"),
        ("a: {default: 1}", "is of type None"),
        ("a: {type: int, default: x}", "'a' by default is the str 'x'"),
        ("a: {type: str, default: null}", "by default is the NoneType"),
        ("a: {type: int, defualt: 1}", "has 'defualt'"),
        ("a: {type: int, about: [1]}", "is about"),
        ("a-b: {type: int}", "'a-b' cannot be a variable's name"),
        ("_a: {type: int}", "cannot be"),
        ("1: {type: int}", "cannot be"),
        ("class: {type: int}", "cannot be"),
    ],
)
def test_a_wrong_declaration_says_what_and_where(text: str, words: str) -> None:
    with pytest.raises(TemplateError, match=words) as caught:
        declared(text)
    assert "line 3" in str(caught.value)


@pytest.mark.parametrize("name", sorted(RESERVED - {"true", "false"}))
def test_names_with_a_meaning_of_their_own_are_refused(name: str) -> None:
    with pytest.raises(TemplateError, match="has a meaning"):
        declared(f"{name}: {{type: int}}")
