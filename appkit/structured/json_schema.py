"""A JSON Schema that a caller brings: checked when it is given, so that what it says can be held to.

Taken are the assertions of draft 2020-12 about plain data, and "definitions" of older drafts. What cannot be checked is
refused, so that nothing passes unchecked. Of "format" those are checked that a regular expression tells.

Source: JSON Schema 2020-12, core and validation.
"""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any, cast

from appkit.structured import patterns
from appkit.structured.schema_walk import map_schema, pointer

_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_COUNTS = frozenset(
    {"maxContains", "maxItems", "maxLength", "maxProperties", "minContains", "minItems", "minLength", "minProperties"}
)
_NUMBERS = frozenset({"exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf"})
_UNCHECKED = ("$dynamicRef", "$recursiveRef", "dependencies", "unevaluatedItems", "unevaluatedProperties")
_PAIRS = (
    ("minItems", "maxItems"),
    ("minLength", "maxLength"),
    ("minProperties", "maxProperties"),
    ("minimum", "maximum"),
)
_FORMATS = {
    "date": patterns.DATE,
    "date-time": f"{patterns.DATE}[Tt]{patterns.RFC_TIME}",
    "duration": patterns.DURATION,
    "time": patterns.RFC_TIME,
    "uuid": f"(?i:{patterns.uuid()})",
}
Search = Callable[[str], bool]


class JsonSchema:
    """A checked schema. `source` is a copy of what was given; the work of checking values is `json_check.py`.

    Raises:
        ValueError: it is no schema, contradicts itself, or says something that cannot be checked; with the place, as a
            JSON pointer.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._refs: list[tuple[str, str]] = []
        self.source = cast(dict[str, Any], map_schema(dict(schema), self._checked))
        for where, ref in self._refs:
            self._resolve(ref, where)

    def resolve(self, ref: str) -> Any:
        """The schema that a "$ref" in this one points to."""
        return self._resolve(ref, "#")

    def _checked(self, schema: dict[str, Any], where: str) -> dict[str, Any]:
        for key, value in schema.items():
            fault = self._fault_of(key, value, pointer(where, key))
            if fault:
                raise ValueError(f"{pointer(where, key)} of the JSON schema is {value!r:.60}; {fault}.")
        for low, high in _PAIRS:
            if low in schema and high in schema and schema[low] > schema[high]:
                raise ValueError(
                    f"{where} of the JSON schema contradicts itself: {low} {schema[low]} is above {high} "
                    f"{schema[high]}, so no value matches."
                )
        return schema

    def _fault_of(self, key: str, value: Any, where: str) -> str:
        """What is wrong with the value of one keyword; "" where nothing is."""
        if key in _UNCHECKED:
            return "answers cannot be checked for it: leave it out"
        if key in _COUNTS:
            is_count = _is_number(value) and value >= 0 and value == int(value)
            return "" if is_count else "it is a whole number, 0 or more"
        if key in _NUMBERS:
            if not _is_number(value):
                return "it is a number"
            return "it is above 0" if key == "multipleOf" and value <= 0 else ""
        match key:
            case "type":
                names = value if isinstance(value, list) else [value]
                are_types = bool(names) and all(isinstance(name, str) and name in _TYPES for name in names)
                return "" if are_types else f"it is one or more of {', '.join(sorted(_TYPES))}"
            case "enum":
                return "" if isinstance(value, list) and value else "it is a list of one or more values"
            case "required":
                are_names = isinstance(value, list) and all(isinstance(name, str) for name in value)
                return "" if are_names else "it is a list of names"
            case "dependentRequired":
                are_lists = isinstance(value, dict) and all(isinstance(names, list) for names in value.values())
                return "" if are_lists else "it is an object of lists of names"
            case "pattern":
                return _pattern_fault(value)
            case "patternProperties":
                return next(filter(None, map(_pattern_fault, value)), "")
            case "$ref":
                if not isinstance(value, str) or not value.startswith("#"):
                    return 'it points into this schema: "#/$defs/name"'
                self._refs.append((where, value))
        return ""

    def _resolve(self, ref: str, where: str) -> Any:
        target: Any = self.source
        for part in ref.removeprefix("#").split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(target, dict) and name in target:
                target = target[name]
            elif isinstance(target, list) and name.isdecimal() and int(name) < len(target):
                target = target[int(name)]
            else:
                target = None
                break
        if not isinstance(target, dict | bool) or not (ref == "#" or ref.startswith("#/")):
            raise ValueError(f"{where} of the JSON schema is {ref!r:.80}; there is no such schema in it.")
        return target


def format_search(name: Any) -> Search | None:
    """Whether a text is of the format `name`; None for formats that are a note and nothing more."""
    return search_of(f"^(?:{_FORMATS[name]})$") if isinstance(name, str) and name in _FORMATS else None


@functools.lru_cache(maxsize=256)
def search_of(pattern: str) -> Search:
    """Whether `pattern` is found in a text, in time linear in the text. Raises ValueError for what is no pattern."""
    from pydantic_core import SchemaError, SchemaValidator, core_schema

    try:
        validator = SchemaValidator(core_schema.str_schema(pattern=pattern, strict=True))
    except SchemaError as error:
        reason = str(error).strip().rsplit("\n", 1)[-1]
        raise ValueError(f"The pattern {pattern!r:.80} cannot be followed: {reason.strip()}.") from error
    return cast(Search, validator.isinstance_python)


def _pattern_fault(pattern: Any) -> str:
    if not isinstance(pattern, str):
        return "it is a regular expression"
    try:
        search_of(pattern)
    except ValueError as error:
        return str(error).removesuffix(".")
    return ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
