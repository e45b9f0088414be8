"""Unions at the top of an output type: each value says which of the types it is. Imports pydantic.

The JSON of two models may look the same, and the first that fits would win. So where two types of a union are objects
that nothing tells apart, a value is an object whose only member is named after its type: {"Refund": {"amount": 3}}.
"""

import dataclasses
import functools
import operator
import types
import typing
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model

from appkit.structured.type_schema import schema_of


def is_union(annotation: Any) -> bool:
    """Whether `annotation` is a union of types, optional ones among them."""
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def told_apart(annotation: Any) -> Any:
    """`annotation`, or, where it is a union of objects that are not told apart, one of objects that name their type.

    Raises:
        TypeError: two of the types have one name.
    """
    if not is_union(annotation):
        return annotation
    members = typing.get_args(annotation)
    objects = [member for member in members if _is_object(member)]
    if len(objects) < 2 or _has_tag([_schema_of_object(member) for member in objects]):
        return annotation
    names = [member.__name__ for member in objects]
    if len(set(names)) < len(names):
        raise TypeError(f"Two types of the union are called {max(names, key=names.count)!r}: rename one.")
    return functools.reduce(operator.or_, (_named(member) if member in objects else member for member in members))


def unwrapped(value: Any) -> Any:
    """The value within an object that names its type; any other value as it is."""
    return value.value if isinstance(value, _Named) else value


class _Named(BaseModel):
    """An object whose only member is named after its type."""

    model_config = ConfigDict(extra="forbid")

    value: Any


def _named(member: Any) -> Any:
    return create_model(f"{member.__name__}_answer", __base__=_Named, value=(member, Field(alias=member.__name__)))


def _is_object(member: Any) -> bool:
    return isinstance(member, type) and (
        issubclass(member, BaseModel) or dataclasses.is_dataclass(member) or typing.is_typeddict(member)
    )


def _schema_of_object(member: Any) -> dict[str, Any]:
    schema = schema_of(TypeAdapter(member))
    name = schema.get("$ref", "").removeprefix("#/$defs/")
    return schema["$defs"][name] if name else schema


def _has_tag(schemas: list[dict[str, Any]]) -> bool:
    """Whether all have one required property whose values differ in each: a `Literal` that says which it is."""
    return any(
        _are_disjoint([_values_of(name, schema) for schema in schemas]) for name in schemas[0].get("required", ())
    )


def _values_of(name: str, schema: dict[str, Any]) -> list[Any]:
    inner = schema.get("properties", {}).get(name, {}) if name in schema.get("required", ()) else {}
    return inner["enum"] if "enum" in inner else [inner["const"]] if "const" in inner else []


def _are_disjoint(lists: list[list[Any]]) -> bool:
    values = [value for listed in lists for value in listed]
    return all(lists) and len({(type(value), value) for value in values}) == len(values)
