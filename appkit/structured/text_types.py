"""Output types of text and plain data: a pattern, one of several texts, a constraint, a JSON Schema."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from appkit.messages import Constraint
from appkit.structured.json_text import read_json, unfenced
from appkit.structured.output import OutputType
from appkit.structured.text_kinds import Choice

T = TypeVar("T")


def json_constraint(schema: Mapping[str, Any]) -> Constraint:
    """The constraint of a schema; of one keyed alike it is the same, so it is compiled once."""
    try:
        return Constraint("json_schema", json.dumps(schema, ensure_ascii=False, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"The JSON schema is not plain JSON data: {error}.") from error


def bare_text(text: str) -> str:
    """A text that was asked for bare: without white space around it, and without quotes, should there be some."""
    stripped = unfenced(text)
    if len(stripped) > 1 and stripped[0] == stripped[-1] == '"':
        try:
            value = read_json(stripped)
        except ValueError:
            return stripped
        return value if isinstance(value, str) else stripped
    return stripped


def of_regex(pattern: str) -> OutputType[str]:
    from appkit.structured.json_schema import search_of

    matches = search_of(rf"\A(?:{pattern})\z")

    def read(text: str) -> str:
        for said in (text, text.strip(), bare_text(text)):
            if matches(said):
                return said
        raise ValueError(f"It does not match {pattern!r:.200} from its first to its last character.")

    return OutputType(
        name="text", schema=None, constraint=Constraint("regex", pattern),
        read=read,
    )  # fmt: skip


def of_choice(texts: tuple[str, ...], change: Callable[[str], T]) -> OutputType[T]:
    listed = " | ".join(texts)

    def read(text: str) -> T:
        for said in (text, text.strip(), bare_text(text)):
            if said in texts:
                return change(said)
        raise ValueError(f"It is none of: {listed:.500}.")

    return OutputType(
        name=listed if len(listed) <= 80 else f"one of {len(texts)} texts", schema=None,
        constraint=Constraint("choice", texts), read=read,
    )  # fmt: skip


def of_constraint(constraint: Constraint) -> OutputType[Any]:
    if constraint.after:
        raise ValueError("The constraint has `after`: leave it out, and ask with think= for text before the answer.")
    source = constraint.source
    if constraint.kind == "json_schema" and isinstance(source, str):
        return replace(of_schema(read_json(source)), constraint=constraint)
    if constraint.kind == "regex" and isinstance(source, str):
        return of_regex(source)
    if constraint.kind == "choice" and not isinstance(source, str):
        return of_choice(Choice(source).texts, str)
    return OutputType(name="text", schema=None, constraint=constraint, read=str)


def of_schema(schema: Mapping[str, Any]) -> OutputType[Any]:
    from appkit.structured.json_check import check_value
    from appkit.structured.json_schema import JsonSchema
    from appkit.structured.mask_schema import mask_schema, with_closed_objects

    checked = JsonSchema(schema)

    def read(text: str) -> Any:
        value = read_json(unfenced(text))
        check_value(value, checked)
        return value

    title = checked.source.get("title")
    return OutputType(
        name=title if isinstance(title, str) else "JSON", schema=checked.source,
        constraint=json_constraint(mask_schema(with_closed_objects(checked.source))), read=read,
    )  # fmt: skip
