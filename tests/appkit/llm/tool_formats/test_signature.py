"""A signature says what a call may hold, in one line and one for each described parameter, whatever the schema."""

from typing import Any

from appkit.llm.tool_formats.signature import signature
from appkit.messages import ToolSpec


def test_types_are_written_as_they_are_read() -> None:
    text = {"type": "string"}
    parameters = {
        "properties": {
            "city": {**text, "description": "Where.\n Now."},
            "unit": {"enum": ["C", "F", 1]},
            "days": {"type": "array", "items": {"type": "integer"}},
            "who": {
                "type": "object",
                "properties": {"name": text, "age": {"type": ["integer", "null"]}},
                "required": ["name"],
            },
            "free": {"type": "object"},
            "either": {"anyOf": [text, {"type": "null"}]},
            "any": {},
        },
        "required": ["city", "days"],
    }
    assert signature(ToolSpec(name="get", description="Gets.\nIt.", parameters=parameters)) == (
        'get(city: string, unit?: "C" | "F" | 1, days: integer[], who?: {name: string, age?: integer | null}, '
        "free?: object, either?: string | null, any?: any) - Gets. It.\n  city: Where. Now."
    )


def test_a_tool_without_parameters_has_empty_parentheses() -> None:
    assert signature(ToolSpec(name="now", description="The time.")) == "now() - The time."


def test_schemas_that_are_none_or_never_end_do_no_harm() -> None:
    looped: dict[str, Any] = {"type": "array"}
    looped["items"] = looped
    parameters = {
        "properties": {"a": 3, "b": looped, "c": {"enum": 4}, "d": {"type": 5, "description": 6}},
        "required": 7,
    }
    assert signature(ToolSpec(name="t", description="", parameters=parameters)).startswith("t(a?: any, b?: array[][][]")
