"""JSON Schemas that callers bring: checked when given, and values checked against them."""

import json
from pathlib import Path
from typing import Any

import pytest

from appkit.structured import output_type
from appkit.structured.json_check import check_value
from appkit.structured.json_schema import JsonSchema
from tests.helpers.shared_data import shared_data

# Where we differ from the suite, and why.
DIFFERS = {
    "format.json": "formats are held to, not only notes",
    "format-assertion.json": "formats without a regular expression are notes",
    "ecmascript-regex.json": "\\d, \\w and \\s know all of Unicode",
    "vocabulary.json": "every schema has the validation vocabulary",
}


def test_the_official_suite_agrees() -> None:
    wrong, num_checked = [], 0
    for path in sorted((shared_data("json-schema-test-suite") / "tests").rglob("*.json")):
        if path.parent.name == "format" or path.name in DIFFERS:
            continue
        for case in json.loads(path.read_text("utf-8")):
            wrong += _wrong_answers(path, case)
            num_checked += len(case["tests"])
    assert wrong == []
    assert num_checked > 1000


def _wrong_answers(path: Path, case: dict[str, Any]) -> list[str]:
    if isinstance(case["schema"], bool):
        return []
    try:
        schema = JsonSchema(case["schema"])
    except ValueError:
        return []  # refused, so nothing passes
    return [
        f"{path.name}: {case['description']}: {test['description']}"
        for test in case["tests"]
        if _is_valid(test["data"], schema) != test["valid"]
    ]


def _is_valid(value: Any, schema: JsonSchema) -> bool:
    try:
        check_value(value, schema)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"type": "objekt"}, "#/type"),
        ({"type": []}, "#/type"),
        ({"properties": {"a/b": {"minimum": "3"}}}, "#/properties/a~1b/minimum"),
        ({"properties": {"a": 3}}, "#/properties/a"),
        ({"properties": []}, "#/properties"),
        ({"anyOf": []}, "#/anyOf"),
        ({"items": {"multipleOf": 0}}, "#/items/multipleOf"),
        ({"minLength": -1}, "#/minLength"),
        ({"maxItems": 1.5}, "#/maxItems"),
        ({"minItems": True}, "#/minItems"),
        ({"pattern": "("}, "#/pattern"),
        ({"patternProperties": {"(?=x)": {}}}, "#/patternProperties"),
        ({"required": "a"}, "#/required"),
        ({"enum": []}, "#/enum"),
        ({"$ref": "https://example.org/schema"}, "#/$ref"),
        ({"items": {"$ref": "#/$defs/nowhere"}}, "#/items/$ref"),
        ({"unevaluatedItems": False}, "#/unevaluatedItems"),
        ({"properties": {"a": {"minimum": 5, "maximum": 3}}}, "#/properties/a"),
        ({"minLength": 5, "maxLength": 2}, "#"),
        ({"maximum": float("nan")}, "#/maximum"),
    ],
)  # fmt: skip
def test_the_fault_of_a_schema_is_said_with_its_place(schema: dict[str, Any], place: str) -> None:
    with pytest.raises(ValueError, match=r"^.*\S$") as caught:
        output_type(schema)
    assert str(caught.value).startswith(f"{place} of the JSON schema ")


def test_a_schema_that_is_too_much_is_refused_at_once() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100):
        deep = {"items": deep}
    with pytest.raises(ValueError, match="more than 64 deep"):
        output_type(deep)
    itself: dict[str, Any] = {}
    itself["items"] = itself
    with pytest.raises(ValueError, match="more than 64 deep"):
        output_type(itself)
    with pytest.raises(ValueError, match="more than 10,000 schemas"):
        output_type({"anyOf": [{}] * 10_001})


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"$defs": {"a": {"allOf": [{"items": {"$ref": "#/$defs/a"}}] * 9}}, "$ref": "#/$defs/a"},
    ],
)
def test_a_schema_cannot_keep_the_reader_busy(schema: dict[str, Any]) -> None:
    value: Any = []
    for _ in range(30):
        value = [value]
    with pytest.raises(ValueError, match="too much work"):
        check_value(value, JsonSchema(schema))


def test_the_schema_of_a_caller_is_left_alone() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer", "title": "A"}}, "title": "Thing"}
    before = json.dumps(schema)
    assert output_type(schema).name == "Thing"
    assert json.dumps(schema) == before
