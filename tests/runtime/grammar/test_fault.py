"""A refusal names the place of the fault, as a JSON pointer into the schema, and the part of a grammar."""

import json
import re
from typing import Any

import pytest

from runtime.grammar.base import Constraint
from runtime.grammar.bytewise import compile_bytewise

TEXT = {"type": "string"}
IMPOSSIBLE = {"type": "integer", "minimum": 5, "maximum": 3}


def holding(value: Any, **keywords: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a/b": value}, "required": ["a/b"], **keywords}


@pytest.mark.parametrize(
    ("schema", "where", "why"),
    [
        (holding(holding(IMPOSSIBLE)), "#/properties/a~1b/properties/a~1b", "minimum (5) is greater than maximum (3)"),
        (holding(TEXT | {"minLength": 5, "maxLength": 2}), "#/properties/a~1b", "minLength (5)"),
        (holding(TEXT | {"enum": [1, 2]}), "#/properties/a~1b", "incompatible types"),
        (holding({"type": "array", "items": IMPOSSIBLE, "minItems": 1}), "#/properties/a~1b/items", "minimum (5)"),
        (holding({"allOf": [TEXT, IMPOSSIBLE]}), "#/properties/a~1b/allOf/1", "minimum (5)"),
        (holding({"allOf": [TEXT, {"type": "null"}]}), "#/properties/a~1b", "incompatible types"),
        (holding({"$ref": "#/$defs/x"}, **{"$defs": {"x": IMPOSSIBLE}}), "#/$defs/x", "minimum (5)"),
        (holding(holding(TEXT, required=["c"], additionalProperties=False)), "#/properties/a~1b", "'c'"),
        (holding({"type": "text"}), "#/properties/a~1b", "Invalid type: text"),
        (holding({"enum": 5}), "#/properties/a~1b", "enum"),
        (holding(TEXT | {"pattern": "("}), "#/properties/a~1b", '"pattern"'),
        (holding({"$ref": "#/$defs/none"}), "#/properties/a~1b", "does not exist"),
        (holding({"type": "array", "uniqueItems": True}), "#/properties/a~1b", "uniqueItems"),
        (holding({"not": TEXT}), "#/properties/a~1b", '"not"'),
        (holding(False), "#/properties/a~1b", "nothing may come"),
        (holding({"$ref": "#"}), "#", "No text"),
    ],
)
def test_the_innermost_fault_of_a_schema_is_named(schema: Any, where: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)) as caught:
        compile_bytewise(Constraint("json_schema", json.dumps(schema)))
    if where != "#":
        assert re.search(rf"(?:^|matches ){re.escape(where)} of ", str(caught.value))


def test_what_nobody_has_to_write_is_not_blamed() -> None:
    schema = {"type": "object", "properties": {"free": IMPOSSIBLE, "held": IMPOSSIBLE}, "required": ["held"]}
    with pytest.raises(ValueError, match=r"^#/properties/held of "):
        compile_bytewise(Constraint("json_schema", json.dumps(schema)))
    compile_bytewise(Constraint("json_schema", json.dumps(schema | {"required": []})))


def test_a_fault_is_found_in_time_in_a_schema_without_end() -> None:
    cycle = {name: {"anyOf": [{"$ref": f"#/$defs/{other}"}]} for name, other in ("ab", "ba")}
    with pytest.raises(ValueError, match="No text matches"):
        compile_bytewise(Constraint("json_schema", json.dumps({"$defs": cycle, "$ref": "#/$defs/a"})))


def test_the_part_of_a_grammar_at_fault_is_named() -> None:
    parts = tuple((name, Constraint("json_schema", json.dumps(value))) for name, value in (("x", TEXT), ("y", False)))
    with pytest.raises(ValueError, match="The part 'y' of the grammar: No text matches"):
        compile_bytewise(Constraint("grammar", "start: @x @y", parts=parts))


def test_a_schema_cannot_switch_checks_off() -> None:
    schema = {"type": "array", "items": TEXT | {"format": "hat-size"}, "x-guidance": {"lenient": True}}
    with pytest.raises(ValueError, match="hat-size"):
        compile_bytewise(Constraint("json_schema", json.dumps(schema)))
    spaced = {"type": "array", "items": {"enum": [1]}, "minItems": 2, "x-guidance": {"item_separator": " , "}}
    assert compile_bytewise(Constraint("json_schema", json.dumps(spaced))).ending == b"[1,1]"
