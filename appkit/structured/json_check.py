"""Is a value what a JSON Schema says? For schemas that callers bring; for types pydantic answers.

The work that a schema can ask for is bounded, whatever it refers to.

Source: JSON Schema 2020-12, validation.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from typing import Any

from appkit.structured.faults import place_of, shown
from appkit.structured.json_schema import JsonSchema, format_search, search_of

MAX_CHECKS = 100_000  # schemas tried on values
MAX_NESTED = 100  # schemas within schemas that are tried at once
Place = tuple[int | str, ...]
Wrong = Callable[[str], str]  # the sentence about a value, of what it should be


def check_value(value: Any, schema: JsonSchema) -> None:
    """Raise ValueError, with a sentence for whoever wrote `value`, where it is not what `schema` says."""
    fault = _Check(schema).fault(value, schema.source, ())
    if fault:
        raise ValueError(fault)


class _Check:
    def __init__(self, schema: JsonSchema) -> None:
        self._schema = schema
        self._num_left = MAX_CHECKS
        self._num_nested = 0

    def fault(self, value: Any, schema: Any, place: Place) -> str:
        """The first fault found; "" where there is none."""
        if isinstance(schema, bool):
            return "" if schema else f"{place_of(place)} is not asked for."
        self._num_left -= 1
        if self._num_nested >= MAX_NESTED or self._num_left < 0:
            raise ValueError(f"{place_of(place)} cannot be checked: the JSON schema asks for too much work there.")
        self._num_nested += 1
        fault = next(self._faults(value, schema, place), "")
        self._num_nested -= 1
        return fault

    def _fits(self, value: Any, schema: Any) -> bool:
        return not self.fault(value, schema, ())

    def _faults(self, value: Any, schema: dict[str, Any], place: Place) -> Iterator[str]:
        wrong = partial(_wrong, place, value)
        types = schema.get("type")
        if types is not None and not any(
            _is_type(value, name) for name in ([types] if isinstance(types, str) else types)
        ):
            yield wrong(f"it should be of the type {types if isinstance(types, str) else ' or '.join(types)}.")
        if "enum" in schema and _key(value) not in set(map(_key, schema["enum"])):
            yield wrong(f"it should be one of {shown(schema['enum'])}.")
        if "const" in schema and _key(value) != _key(schema["const"]):
            yield wrong(f"it should be {shown(schema['const'])}.")
        if isinstance(value, str):
            yield from _text_faults(value, schema, wrong)
        elif isinstance(value, list):
            yield from self._list_faults(value, schema, place, wrong)
        elif isinstance(value, dict):
            yield from self._object_faults(value, schema, place)
        elif _is_type(value, "number"):
            yield from _number_faults(value, schema, wrong)
        yield from self._combined_faults(value, schema, place, wrong)

    def _combined_faults(self, value: Any, schema: dict[str, Any], place: Place, wrong: Wrong) -> Iterator[str]:
        if "$ref" in schema and (fault := self.fault(value, self._schema.resolve(schema["$ref"]), place)):
            yield fault
        for inner in schema.get("allOf", ()):
            if fault := self.fault(value, inner, place):
                yield fault
        if "anyOf" in schema:
            faults = [self.fault(value, inner, place) for inner in schema["anyOf"]]
            if all(faults):
                yield wrong(f"it matches none of {len(faults)} forms. Of the first: {faults[0]}")
        if "oneOf" in schema:
            num_fitting = sum(self._fits(value, inner) for inner in schema["oneOf"])
            if num_fitting != 1:
                yield wrong(f"it matches {num_fitting} of {len(schema['oneOf'])} forms, and should match exactly one.")
        if "not" in schema and self._fits(value, schema["not"]):
            yield wrong("it is what it should not be.")
        if "if" in schema:
            branch = "then" if self._fits(value, schema["if"]) else "else"
            if fault := self.fault(value, schema.get(branch, True), place):
                yield fault

    def _list_faults(self, value: list[Any], schema: dict[str, Any], place: Place, wrong: Wrong) -> Iterator[str]:
        yield from _count_faults(len(value), schema, "Items", wrong)
        if schema.get("uniqueItems") is True and len(set(map(_key, value))) < len(value):
            yield wrong("its items should differ.")
        first = schema.get("prefixItems", [])
        for idx, item in enumerate(value):
            inner = first[idx] if idx < len(first) else schema.get("items", True)
            if fault := self.fault(item, inner, (*place, idx)):
                yield fault
        if "contains" in schema:
            num = sum(self._fits(item, schema["contains"]) for item in value)
            if not schema.get("minContains", 1) <= num <= schema.get("maxContains", num):
                yield wrong(f"{num} of its items are of the kind it should contain.")

    def _object_faults(self, value: dict[str, Any], schema: dict[str, Any], place: Place) -> Iterator[str]:
        wrong = partial(_wrong, place, value)
        for name in schema.get("required", ()):
            if name not in value:
                yield f"{place_of((*place, name))} is missing."
        for name, item in value.items():
            if "propertyNames" in schema and not self._fits(name, schema["propertyNames"]):
                yield wrong(f"{shown(name)} cannot be the name of a member.")
            for inner in _schemas_of(name, schema):
                if fault := self.fault(item, inner, (*place, name)):
                    yield fault
        yield from _count_faults(len(value), schema, "Properties", wrong)
        for name, others in schema.get("dependentRequired", {}).items():
            if name in value and (missing := [other for other in others if other not in value]):
                yield f"{place_of((*place, missing[0]))} is missing, because there is {shown(name)}."
        for name, inner in schema.get("dependentSchemas", {}).items():
            if name in value and (fault := self.fault(value, inner, place)):
                yield fault


def _wrong(place: Place, value: Any, why: str) -> str:
    return f"{place_of(place)} is {shown(value)}: {why}"


def _schemas_of(name: str, schema: dict[str, Any]) -> list[Any]:
    """What `schema` says of the member `name`."""
    by_name = [schema["properties"][name]] if name in schema.get("properties", {}) else []
    by_pattern = [inner for pattern, inner in schema.get("patternProperties", {}).items() if search_of(pattern)(name)]
    return by_name + by_pattern or [schema.get("additionalProperties", True)]


def _text_faults(value: str, schema: dict[str, Any], wrong: Wrong) -> Iterator[str]:
    yield from _count_faults(len(value), schema, "Length", wrong)
    if "pattern" in schema and not search_of(schema["pattern"])(value):
        yield wrong(f"it should match {shown(schema['pattern'])}.")
    search = format_search(schema.get("format"))
    if search is not None and not search(value):
        yield wrong(f"it should be a {schema['format']}.")


def _number_faults(value: int | float, schema: dict[str, Any], wrong: Wrong) -> Iterator[str]:
    if value < schema.get("minimum", value):
        yield wrong(f"it should be at least {schema['minimum']}.")
    if value > schema.get("maximum", value):
        yield wrong(f"it should be at most {schema['maximum']}.")
    if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
        yield wrong(f"it should be above {schema['exclusiveMinimum']}.")
    if "exclusiveMaximum" in schema and value >= schema["exclusiveMaximum"]:
        yield wrong(f"it should be below {schema['exclusiveMaximum']}.")
    if "multipleOf" in schema and Fraction(str(value)) % Fraction(str(schema["multipleOf"])):
        yield wrong(f"it should be a multiple of {schema['multipleOf']}.")


def _count_faults(count: int, schema: dict[str, Any], of: str, wrong: Wrong) -> Iterator[str]:
    """`of` is what the keywords count: "Length" in "minLength"."""
    what = {"Items": "items", "Length": "characters", "Properties": "members"}[of]
    if count < schema.get(f"min{of}", count):
        yield wrong(f"it has {count:,} {what} and should have at least {schema[f'min{of}']:,}.")
    if count > schema.get(f"max{of}", count):
        yield wrong(f"it has {count:,} {what} and should have at most {schema[f'max{of}']:,}.")


def _is_type(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    if name == "integer":
        return isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    python: dict[str, Any] = {
        "array": list,
        "null": type(None),
        "number": (int, float),
        "object": dict,
        "string": str,
    }
    return name in python and isinstance(value, python[name])


def _key(value: Any) -> Any:
    """Something hashable that is equal for equal JSON: 1 is 1.0, and not true."""
    if isinstance(value, bool | None | str):
        return (type(value).__name__, value)
    if isinstance(value, list):
        return ("list", tuple(map(_key, value)))
    if isinstance(value, dict):
        return ("dict", frozenset((name, _key(item)) for name, item in value.items()))
    return ("number", value)
