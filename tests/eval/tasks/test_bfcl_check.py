"""Calls are compared as data: names, types and values, by the rules the leaderboard describes."""

from collections.abc import Mapping
from typing import Any

import pytest

from appkit import ToolCall, ToolSpec
from eval.tasks.bfcl_check import check_call
from eval.tasks.bfcl_data import to_json_schema

DECLARED = {
    "type": "dict",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer"},
        "height": {"type": "float"},
        "wet": {"type": "boolean", "default": False, "optional": True},
        "at": {"type": "tuple", "items": {"type": "float"}},
        "who": {"type": "dict", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}},
        "rows": {"type": "array", "items": {"type": "dict", "properties": {"x": {"type": "integer"}}}},
        "free": {"type": "any"},
    },
    "required": ["city"],
}
TOOLS = (
    ToolSpec(name="weather.get", description="", parameters=to_json_schema(DECLARED)),
    ToolSpec(name="now", description="", parameters=to_json_schema({"type": "dict", "properties": {}})),
)
CITY = {"city": ["New York, NY", "NYC"]}


def verdict(
    arguments: Mapping[str, Any], more: Mapping[str, list[Any]] | None = None, name: str = "weather.get"
) -> str:
    return check_call(ToolCall(name=name, arguments=arguments), TOOLS, {"weather.get": {**CITY, **(more or {})}})


def test_types_are_those_of_json_schema() -> None:
    properties = TOOLS[0].parameters["properties"]
    assert [properties[name].get("type") for name in ("height", "at", "who", "free")] == [
        "number",
        "array",
        "object",
        None,
    ]
    assert properties["at"]["items"] == {"type": "number"}
    assert "optional" not in properties["wet"]


@pytest.mark.parametrize("city", ["New York, NY", "new york ny", "NewYork-NY", "n.y.c."])
def test_text_is_compared_without_case_blanks_and_marks(city: str) -> None:
    assert verdict({"city": city}) == "right"


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        ({"height": 2}, {"height": [2.0]}),  # a whole number for a float
        ({"days": 3}, {"days": [2, 3]}),
        ({}, {"wet": [True, ""]}),  # may be left out
        ({"wet": False}, {"wet": [False]}),
        ({"at": [1, 2.5]}, {"at": [[2.5, 1], [1.0, 2.5]]}),
        ({"who": {"name": "ada", "age": 36}}, {"who": [{"name": ["Ada"], "age": [36, 37]}]}),
        ({"who": {"name": "ada"}}, {"who": [{"name": ["Ada"], "age": [36, ""]}]}),
        ({"rows": [{"x": 1}, {"x": 2}]}, {"rows": [[{"x": [1]}, {"x": [3, 2]}]]}),
        ({"free": [1, "b"]}, {"free": [[1, "B"]]}),
    ],
)
def test_a_call_is_right_where_every_value_is_among_those_given(
    arguments: dict[str, Any], more: dict[str, list[Any]]
) -> None:
    assert verdict({"city": "NYC", **arguments}, more) == "right"


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        ({"days": 4}, {"days": [2, 3]}),
        ({}, {"days": [2, 3]}),  # declared optional, but not to be left out here
        ({"days": 2}, {}),  # declared, but not asked for
        ({"wet": True}, {"wet": [False, ""]}),
        ({"at": [1.0]}, {"at": [[1.0, 2.5]]}),
        ({"at": [2.5, 1.0]}, {"at": [[1.0, 2.5]]}),
        ({"who": {"name": "ada"}}, {"who": [{"name": ["Ada"], "age": [36]}]}),
        ({"free": 1}, {"free": [True]}),
    ],
)
def test_other_values_are_wrong(arguments: dict[str, Any], more: dict[str, list[Any]]) -> None:
    assert verdict({"city": "NYC", **arguments}, more) == "wrong value"


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ({}, "missing argument"),
        ({"city": "NYC", "rm": 1}, "unknown argument"),
        ({"city": 1}, "wrong type"),
        ({"city": "NYC", "days": 2.0}, "wrong type"),
        ({"city": "NYC", "days": True}, "wrong type"),
        ({"city": "NYC", "wet": 1}, "wrong type"),
        ({"city": "NYC", "at": ["1"]}, "wrong type"),
        ({"city": "NYC", "who": {"name": 3}}, "wrong type"),
        ({"city": None}, "wrong type"),
    ],
)
def test_calls_that_cannot_be_made_are_named(arguments: dict[str, Any], fault: str) -> None:
    assert verdict(arguments) == fault


def test_names_of_tools_count() -> None:
    assert verdict({}, name="rm") == "unknown tool"
    assert verdict({}, name="now") == "wrong tool"
