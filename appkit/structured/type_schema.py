"""The JSON Schema of a Python type, as precise as its values allow. Imports pydantic.

pydantic's own schema says of a date, a duration or a decimal number only that it is a string of some format. Here these
get a pattern of what can be read, so that a text held to the schema can be read.
"""

from typing import TYPE_CHECKING, Any, cast

from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import PydanticOmit, core_schema

from appkit.structured import patterns
from appkit.structured.schema_walk import map_schema

if TYPE_CHECKING:
    from pydantic import TypeAdapter

# Formats that have a pattern here. A person or a model needs no more than the format's name.
PATTERNED_FORMATS = frozenset({"date", "date-time", "decimal", "duration", "time", "uuid"})


def schema_of(adapter: "TypeAdapter[Any]") -> dict[str, Any]:
    """The schema of what `adapter` reads from JSON. Objects are closed, titles left out, `$ref`s point to "#/$defs/…".

    Raises:
        TypeError: a type in it has no form in JSON.
        ValueError: it is nested too deeply.
    """
    try:
        schema = adapter.json_schema(schema_generator=_PreciseSchema, mode="validation")
    except (PydanticUserError, PydanticOmit) as error:
        raise TypeError(f"This type cannot be written as JSON: {_first_line(error)}") from error
    return cast(dict[str, Any], map_schema(schema, _closed))


def without_patterns(schema: dict[str, Any]) -> dict[str, Any]:
    """`schema` as it is shown: where a format says it, the pattern is left out."""
    return cast(dict[str, Any], map_schema(schema, _without_pattern))


class _PreciseSchema(GenerateJsonSchema):
    """pydantic's schema, with patterns for what it only names."""

    ignored_warning_kinds = frozenset({"skipped-choice", "non-serializable-default"})  # type: ignore[assignment]

    def date_schema(self, schema: core_schema.DateSchema) -> JsonSchemaValue:
        return _text("date", patterns.DATE)

    def time_schema(self, schema: core_schema.TimeSchema) -> JsonSchemaValue:
        return _text("time", patterns.with_offset(patterns.TIME, is_aware=_is_aware(schema.get("tz_constraint"))))

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> JsonSchemaValue:
        pattern = f"{patterns.DATE}T{patterns.TIME}"
        return _text("date-time", patterns.with_offset(pattern, is_aware=_is_aware(schema.get("tz_constraint"))))

    def timedelta_schema(self, schema: core_schema.TimedeltaSchema) -> JsonSchemaValue:
        return _text("duration", patterns.DURATION)

    def uuid_schema(self, schema: core_schema.UuidSchema) -> JsonSchemaValue:
        return _text("uuid", patterns.uuid(schema.get("version")))

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        """A string, which keeps every digit. Limits of its value are left to the reader, but for the sign."""
        lowest = schema.get("ge", schema.get("gt"))
        pattern = patterns.decimal(
            schema.get("max_digits"), schema.get("decimal_places"), is_signed=lowest is None or lowest < 0
        )
        return _text("decimal", pattern)

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """Keys are text in JSON: where the type's are numbers, this says which text."""
        json_schema = super().dict_schema(schema)
        keys = self.generate_inner(schema["keys_schema"]) if "keys_schema" in schema else {}
        if (names := _names_of(keys)) is not None:
            json_schema["propertyNames"] = names
        return json_schema


def _text(name: str, pattern: str) -> JsonSchemaValue:
    return {"type": "string", "format": name, "pattern": f"^(?:{pattern})$"}


def _is_aware(constraint: Any) -> bool | None:
    return {"aware": True, "naive": False}.get(constraint) if isinstance(constraint, str) else None


def _names_of(keys: JsonSchemaValue) -> JsonSchemaValue | None:
    """The names that keys of a type other than text have; None where the keys are text."""
    values = keys.get("enum", [keys["const"]] if "const" in keys else None)
    if values is not None:
        return {"enum": [value if isinstance(value, str) else str(value) for value in values]}
    pattern = {"boolean": "true|false", "integer": patterns.INTEGER, "number": patterns.NUMBER}.get(
        str(keys.get("type"))
    )
    if pattern is not None:
        return {"pattern": f"^(?:{pattern})$"}
    # pydantic puts a key's pattern into patternProperties, and leaves the other keys open
    return {"pattern": keys["pattern"]} if "pattern" in keys else None


def _closed(schema: dict[str, Any], where: str) -> dict[str, Any]:
    schema.pop("title", None)
    if str(schema.get("format")).startswith("uuid"):
        schema["format"] = "uuid"  # pydantic adds the version, which the pattern says
    if "properties" in schema:
        schema.setdefault("additionalProperties", False)
    return schema


def _without_pattern(schema: dict[str, Any], where: str) -> dict[str, Any]:
    if schema.get("format") in PATTERNED_FORMATS:
        schema.pop("pattern", None)
    return schema


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0].rstrip(".") + "."
