"""Python types as output types. Imports pydantic."""

import json
import typing
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import SchemaError

from appkit.messages import Constraint
from appkit.structured.faults import sentence_of
from appkit.structured.json_text import read_json, unfenced
from appkit.structured.mask_schema import mask_schema
from appkit.structured.output import OutputType
from appkit.structured.text_types import bare_text, json_constraint, of_choice
from appkit.structured.type_schema import PATTERNED_FORMATS, schema_of, without_patterns
from appkit.structured.typed_dicts import readable
from appkit.structured.unions import is_union, told_apart, unwrapped


def of_python_type(annotation: Any) -> OutputType[Any]:
    """See `output_type`. Raises TypeError for what is no type, or has no form in JSON."""
    adapter = _adapter_of(told_apart(readable(annotation)))
    schema = schema_of(adapter)
    root = _root_of(schema)
    name = _name_of(annotation)

    def read_bare(text: str) -> Any:
        return _validated(adapter, json.dumps(bare_text(text)))

    if (texts := _texts_of(root)) is not None:
        return of_choice(texts, lambda text: _validated(adapter, json.dumps(text)))
    shown = without_patterns(schema)
    if root.get("type") == "string" and root.get("format") in PATTERNED_FORMATS and "pattern" in root:
        pattern = root["pattern"].removeprefix("^(?:").removesuffix(")$")
        example = _EXAMPLES[root["format"]]
        return OutputType(
            name=name, schema=None, constraint=Constraint("regex", pattern), read=read_bare, example=example
        )

    def read_as_json(text: str) -> Any:
        said = unfenced(text)
        read_json(said)  # no number too large for a float, which pydantic would take for infinity
        return unwrapped(_validated(adapter, said))

    return OutputType(
        name=name, schema=shown, constraint=json_constraint(mask_schema(schema)),
        read=read_as_json,
    )  # fmt: skip


_EXAMPLES = {
    "date": "2025-07-09",
    "date-time": "2025-07-09T14:30:00",
    "decimal": "12.50",
    "duration": "PT1H30M",
    "time": "14:30:00",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
}


def _adapter_of(annotation: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(annotation)
    except (PydanticUserError, SchemaError, NameError) as error:
        lines = str(error).strip().splitlines()
        reason = (lines[-1] if isinstance(error, SchemaError) else lines[0]).strip().rstrip(".")
        raise TypeError(f"{_name_of(annotation)} cannot be asked for: {reason}.") from error


def _validated(adapter: TypeAdapter[Any], text: str) -> Any:
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        raise ValueError(sentence_of(error)) from error


def _root_of(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema itself, or what it refers to where it does nothing else."""
    name = schema.get("$ref", "").removeprefix("#/$defs/")
    return schema["$defs"][name] if name else schema


def _texts_of(schema: dict[str, Any]) -> tuple[str, ...] | None:
    """The texts of a schema that allows some texts and nothing else."""
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    is_plain = schema.keys() <= {"enum", "const", "type", "description"}
    if not values or not is_plain or not all(isinstance(value, str) and value for value in values):
        return None
    return tuple(dict.fromkeys(values))


def _name_of(annotation: Any) -> str:
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _name_of(typing.get_args(annotation)[0])
    if is_union(annotation):
        return " | ".join(map(_name_of, typing.get_args(annotation)))
    if origin is not None or not isinstance(annotation, type):
        return str(annotation).replace("typing.", "")[:80]
    return "None" if annotation is type(None) else annotation.__name__
