"""Of a JSON Schema the part that a grammar can hold a text to, which allows all that the schema does, or more.

What it leaves out (unique items, "not", look-around in patterns, …) is checked when the text is read; see
`json_schema.py` and pydantic. Only assertions are left out, and whole ones, which can never forbid more: schemas inside
"not", "if" and "oneOf", where less would mean more, go with the keyword, or stand in "anyOf" instead.
"""

import re
from typing import Any, cast

from appkit.structured.schema_walk import map_schema

# What stays as it is. Everything else is left out: descriptions, and what a grammar cannot hold.
_KEPT = frozenset(
    {"$defs", "$ref", "additionalProperties", "allOf", "anyOf", "const", "definitions", "enum", "format", "items"}
    | {"exclusiveMaximum", "exclusiveMinimum", "maxItems", "maxLength", "maxProperties", "maximum", "minItems"}
    | {"minLength", "minProperties", "minimum", "multipleOf", "pattern", "patternProperties", "prefixItems"}
    | {"properties", "required", "type"}
)
_FORMATS = frozenset({"date", "date-time", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid"})
_COMBINERS = frozenset({"$ref", "anyOf", "dependentSchemas", "else", "if", "not", "oneOf", "propertyNames", "then"})
_LIMITS = ("exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf")
_MAX_LIMIT = 10**15  # of a number; larger ones become patterns that are refused
# Escapes and groups that no automaton follows: word boundaries, back-references, look-around.
_ESCAPE_OR_GROUP = re.compile(r"\\(?P<escape>.)|(?P<look>\(\?<?[=!])", re.DOTALL)
_UNFOLLOWED_ESCAPES = frozenset("bBAzZG123456789k")


def mask_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema that the runtime compiles and that every value of `schema`, written as it says, matches.

    Raises:
        ValueError: something in `schema` is no schema, or it is nested too deeply; the message says where.
    """
    root = schema

    def held(inside: dict[str, Any], where: str) -> dict[str, Any]:
        return _held(inside, root)

    return cast(dict[str, Any], map_schema(schema, held))


def with_closed_objects(schema: dict[str, Any]) -> dict[str, Any]:
    """`schema` in which objects that list their members have no others, unless it says or combines something else.

    A model would fill what a schema leaves open. A schema that puts objects together from parts is left as it is, for a
    part that is closed would forbid the members of the others.
    """
    is_combined = False

    def look(inside: dict[str, Any], where: str) -> dict[str, Any]:
        nonlocal is_combined
        is_combined |= "allOf" in inside or ("properties" in inside and bool(inside.keys() & _COMBINERS))
        return inside

    def close(inside: dict[str, Any], where: str) -> dict[str, Any]:
        if "properties" in inside and "patternProperties" not in inside:
            inside.setdefault("additionalProperties", False)
        return inside

    map_schema(schema, look)
    return schema if is_combined else cast(dict[str, Any], map_schema(schema, close))


def _held(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in schema.items() if key in _KEPT}
    if "oneOf" in schema:
        kept = _and(kept, {"anyOf": schema["oneOf"]})
    if "propertyNames" in schema:
        kept = _with_names(kept, _resolved(schema["propertyNames"], root))
    if "pattern" in kept and not _is_followed(kept["pattern"]):
        del kept["pattern"]
    if "patternProperties" in kept and not all(map(_is_followed, kept["patternProperties"])):
        del kept["patternProperties"]
        kept.pop("additionalProperties", None)  # it is about the properties that no pattern names
    if "pattern" in kept or kept.get("format") not in _FORMATS:
        kept.pop("format", None)
    for key in _LIMITS:
        if key in kept and not abs(kept[key]) <= _MAX_LIMIT:
            del kept[key]
    return kept


def _and(schema: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    if schema.keys() & other.keys():
        return {**schema, "allOf": [*schema.get("allOf", ()), other]}
    return {**schema, **other}


def _with_names(schema: dict[str, Any], names: Any) -> dict[str, Any]:
    """`schema` with `names`, what every property's name must match, said by properties and patterns."""
    if not isinstance(names, dict) or schema.keys() & {"properties", "allOf", "anyOf", "$ref"}:
        return schema
    values = schema.get("additionalProperties", True)
    by_pattern = schema.get("patternProperties", {})
    closed = {key: value for key, value in schema.items() if key != "patternProperties"} | {
        "additionalProperties": False
    }
    if "enum" in names and not by_pattern:
        return {**closed, "properties": {name: values for name in names["enum"] if isinstance(name, str)}}
    pattern = names.get("pattern")
    if not isinstance(pattern, str) or not _is_followed(pattern) or set(by_pattern) - {pattern}:
        return schema
    return {**closed, "patternProperties": by_pattern or {pattern: values}}


def _resolved(schema: Any, root: dict[str, Any]) -> Any:
    """What `schema` refers to, where it does nothing else. One step is enough for an Enum."""
    ref = schema.get("$ref") if isinstance(schema, dict) else None
    name = ref.removeprefix("#/$defs/") if isinstance(ref, str) else None
    return schema if name is None else root.get("$defs", {}).get(name)


def _is_followed(pattern: Any) -> bool:
    """Whether an automaton can follow `pattern`, as far as its escapes and groups tell."""
    if not isinstance(pattern, str):
        return False
    return not any(
        found["look"] or found["escape"] in _UNFOLLOWED_ESCAPES for found in _ESCAPE_OR_GROUP.finditer(pattern)
    )
