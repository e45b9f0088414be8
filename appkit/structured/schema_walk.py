"""Every schema within a JSON Schema, each with its place. Bounded, because schemas come from outside."""

from collections.abc import Callable
from typing import Any

MAX_DEPTH = 64
MAX_SCHEMAS = 10_000
# Where schemas stand in a schema (JSON Schema 2020-12, core §10 and validation §6; "definitions" is the older "$defs").
ONE = frozenset(
    {"additionalProperties", "contains", "contentSchema", "else", "if", "items", "not", "propertyNames", "then"}
)
LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
MAPS = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})


def map_schema(schema: Any, change: Callable[[dict[str, Any], str], Any]) -> Any:
    """A copy of `schema` in which `change` was applied to each schema, those inside before those around them.

    Args:
        change: gets a schema, which it may change in place, and its JSON pointer (RFC 6901, from "#"); gives what to
            put there. `true` and `false` are not given to it.

    Raises:
        ValueError: something stands where a schema should, or there are too many; the message says where.
    """
    return _Walk(change).visit(schema, "#", 0)


def pointer(where: str, name: str | int) -> str:
    """The place of a member of what is at `where`. A name that is long is cut."""
    return f"{where}/{str(name)[:60].replace('~', '~0').replace('/', '~1')}"


class _Walk:
    def __init__(self, change: Callable[[dict[str, Any], str], Any]) -> None:
        self._change = change
        self._num_left = MAX_SCHEMAS

    def visit(self, schema: Any, where: str, depth: int) -> Any:
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, dict):
            raise ValueError(f"{where} of the JSON schema is {schema!r:.60}; a schema is an object, true or false.")
        self._num_left -= 1
        if depth > MAX_DEPTH:
            raise ValueError(
                f"The JSON schema is nested more than {MAX_DEPTH} deep at {where:.200}; use $defs and $ref."
            )
        if self._num_left < 0:
            raise ValueError(f"The JSON schema holds more than {MAX_SCHEMAS:,} schemas; use $defs and $ref.")
        inside = {key: self._visit_value(key, value, pointer(where, key), depth) for key, value in schema.items()}
        return self._change(inside, where)

    def _visit_value(self, key: str, value: Any, where: str, depth: int) -> Any:
        if key in ONE:
            return self.visit(value, where, depth + 1)
        if key in LISTS:
            if not isinstance(value, list) or not value:
                raise ValueError(f"{where} of the JSON schema is {value!r:.60}; it is a list of one or more schemas.")
            return [self.visit(item, pointer(where, idx), depth + 1) for idx, item in enumerate(value)]
        if key in MAPS:
            if not isinstance(value, dict):
                raise ValueError(f"{where} of the JSON schema is {value!r:.60}; it is an object of schemas.")
            return {name: self.visit(item, pointer(where, name), depth + 1) for name, item in value.items()}
        return value
