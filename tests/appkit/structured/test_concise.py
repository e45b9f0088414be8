"""Schemas in a few words."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appkit.structured import output_type, parse_concise_schema


def properties(text: str) -> dict[str, Any]:
    found: dict[str, Any] = parse_concise_schema(text)["properties"]
    return found


def test_fields_are_read_in_order() -> None:
    assert parse_concise_schema("name, age int, tags [str]") == {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "age": {"type": "integer"},
            "tags": {"type": "array", "items": {"type": "string", "minLength": 1}},
        },
        "required": ["name", "age", "tags"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("text", "schema"),
    [
        ("a", {"type": "string"}),
        ("a float", {"type": "number"}),
        ("a BOOL", {"type": "boolean"}),
        ("a date", {"type": "string", "format": "date"}),
        ("a small | large", {"type": "string", "enum": ["small", "large"]}),
        ("a []", {"type": "array", "items": {"type": "string", "minLength": 1}}),
        ("a [[int]]", {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}),
        ("a int?", {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        ("a int: how old, b", {"type": "integer", "description": "how old"}),
        ("a：多大", {"type": "string", "description": "多大"}),
    ],
)
def test_a_field_has_a_type(text: str, schema: dict[str, Any]) -> None:
    assert properties(text)["a"] == schema


def test_lines_and_chinese_commas_separate_and_objects_nest() -> None:
    assert list(properties("姓名，年龄 int\n  标签 [str],\n")) == ["姓名", "年龄", "标签"]
    inner = properties("items [{name, price float}], buyer {name}")
    assert inner["items"]["items"]["required"] == ["name", "price"]
    assert inner["buyer"]["additionalProperties"] is False


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "name of a field is missing"),
        ("a, , b", "name of a field is missing"),
        ("3a", "name of a field is missing"),
        ("a, a", "twice"),
        ("a strong", "'strong' is no type"),
        ("a [int", "']' is missing"),
        ("a {b", "'}' is missing"),
        ("a int b", "a comma or the end is missing"),
        ("a]", "a comma or the end is missing"),
        ("a " + "[" * 40, "nested more than 16 deep"),
        ("a {" * 40, "nested more than 16 deep"),
        (", ".join(f"f{idx}" for idx in range(300)), "more than 200 fields"),
        ("x" * 9000, "at most 8,192"),
    ],
)
def test_what_cannot_be_read_says_where_and_why(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=r"\S") as caught:
        parse_concise_schema(text)
    assert why in str(caught.value)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.text("ab ,，:?|[]{}\nint", max_size=30))
def test_any_text_is_a_schema_or_a_value_error(text: str) -> None:
    try:
        schema = parse_concise_schema(text)
    except ValueError:
        return
    assert output_type(schema).schema == schema
