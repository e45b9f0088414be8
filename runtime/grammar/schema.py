"""JSON Schema as the grammar compiler can hold it: checked, with what it would take too loosely made strict.

A mask must never let through what the schema forbids. llguidance refuses most keywords that a grammar cannot hold; the
formats it takes more loosely than their standards are written here as patterns. These leave out a few texts that are
valid but that nobody needs (leap seconds, the year 0, host names in punycode): a shorter list is safe, a longer is not.
"""

import re
from typing import Any

# Where schemas stand in a schema (JSON Schema 2020-12, core §10 and validation §6).
_ONE = frozenset({"additionalProperties", "contentSchema", "items"})
_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_MAPS = frozenset({"$defs", "definitions", "patternProperties", "properties"})
# What no grammar holds: it would have to remember what was written, or write less than it may.
_UNSUPPORTED = frozenset(
    {"$dynamicAnchor", "$dynamicRef", "contains", "dependencies", "dependentRequired", "dependentSchemas", "else", "if"}
    | {"maxContains", "minContains", "not", "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties"}
)
_WHOLE_NUMBERS = frozenset({"maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties"})
_WHITE_SPACE = re.compile(r"\\.", re.DOTALL)  # a backslash and what it escapes
_SPACES = {r"\s": r"[\s\x{FEFF}]", r"\S": r"[^\s\x{FEFF}]"}  # classes may stand in classes there

# No year 0: RFC 3339 has one, but ISO 8601 only by agreement, and the types for dates of most languages not at all.
_YEAR = r"(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
_LEAP = r"(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_DATE = (
    rf"(?:{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    rf"|02-(?:0[1-9]|1[0-9]|2[0-8]))|{_LEAP}-02-29)"
)
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9](?:[A-Za-z0-9]|-[A-Za-z0-9]){0,24})?"  # at most 50 characters, no "--"
STRICT_FORMATS = {
    "date": _DATE,  # RFC 3339, with the days of each month and leap years
    "time": _TIME,  # RFC 3339, without leap seconds
    "date-time": rf"{_DATE}[Tt]{_TIME}",
    "hostname": rf"{_LABEL}(?:\.{_LABEL}){{0,3}}",  # RFC 1123, at most 203 characters
}

# As `x-guidance` of a schema: JSON with the blanks of Python's `json.dumps`, which is how templates of models write it.
SPACED = {"item_separator": ", ", "key_separator": ": "}


def strict_schema(schema: Any) -> Any:
    """`schema` with the formats above as patterns; what is not a schema in it stays as it is.

    Raises:
        ValueError: a keyword that no grammar holds, or a value that is no schema; the message says where, as a JSON
            pointer.
    """
    if not isinstance(schema, dict) or "x-guidance" not in schema:
        return _strict(schema, "#")
    # There a schema could tell llguidance to overlook what it does not know. Only blanks may be asked for.
    asked = schema["x-guidance"]
    strict = _strict({key: value for key, value in schema.items() if key != "x-guidance"}, "#")
    return {**strict, "x-guidance": asked} if asked == SPACED else strict


def _strict(schema: Any, where: str) -> Any:
    if isinstance(schema, bool):
        return schema
    if not isinstance(schema, dict):
        raise ValueError(f"{where} of the JSON schema is {_shown(schema)}; a schema is an object, true or false.")
    unsupported = sorted(_UNSUPPORTED & schema.keys())
    if unsupported:
        raise ValueError(
            f'{where} of the JSON schema has "{unsupported[0]}", which a grammar cannot hold. Leave it out, and check '
            "the answer for it."
        )
    strict = {key: _strict_value(key, value, f"{where}/{_escaped(key)}") for key, value in schema.items()}
    return _with_strict_format(strict)


def _strict_value(key: str, value: Any, where: str) -> Any:
    if key in _ONE:
        return _strict(value, where)
    if key in _LISTS:
        if not isinstance(value, list) or (not value and key != "prefixItems"):
            raise ValueError(f"{where} of the JSON schema is {_shown(value)}; it must be a list of schemas.")
        return [_strict(item, f"{where}/{idx}") for idx, item in enumerate(value)]
    if key in _MAPS:
        if not isinstance(value, dict):
            raise ValueError(f"{where} of the JSON schema is {_shown(value)}; it must be an object of schemas.")
        return {name: _strict(item, f"{where}/{_escaped(name)}") for name, item in value.items()}
    return value


def _with_strict_format(schema: dict[str, Any]) -> dict[str, Any]:
    """`schema` with what llguidance reads loosely, or not at all, said as it understands it."""
    for key in _WHOLE_NUMBERS & schema.keys():
        if isinstance(schema[key], float) and schema[key].is_integer():
            schema[key] = int(schema[key])
    if schema.get("uniqueItems") is False:
        del schema["uniqueItems"]
    if isinstance(schema.get("pattern"), str):
        schema["pattern"] = _as_ecmascript(schema["pattern"])
    name = schema.get("format")
    if isinstance(name, str) and name in STRICT_FORMATS:
        del schema["format"]
        schema["allOf"] = [*schema.get("allOf", ()), {"pattern": f"^(?:{STRICT_FORMATS[name]})$"}]
    return schema


def _as_ecmascript(pattern: str) -> str:
    r"""`pattern` for the regex engine below, whose white space lacks the byte order mark that \s of ECMA-262 has."""
    return _WHITE_SPACE.sub(lambda found: _SPACES.get(found[0], found[0]), pattern)


def _escaped(name: str) -> str:
    """A member's name in a JSON pointer (RFC 6901), cut where it is long."""
    return name[:60].replace("~", "~0").replace("/", "~1")


def _shown(value: Any) -> str:
    return repr(value)[:60]
