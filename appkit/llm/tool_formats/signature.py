"""A tool in few tokens: a signature and a line for each parameter, as in documentation.

Small models choose better from these than from JSON Schema (docs/log.md), and a prompt is about a third shorter. What
is left out here, such as bounds, still holds: arguments are held to the whole schema while they are written.
"""

import json
from collections.abc import Mapping
from typing import Any

from appkit.messages import ToolSpec

MAX_DEPTH = 6  # of types in types; deeper ones are shown by their name alone


def signature(tool: ToolSpec) -> str:
    """`add(a: integer, b?: integer[]) - Adds.`, then an indented line for each parameter that is described."""
    properties = _mapping(tool.parameters.get("properties"))
    lines = [f"{tool.name}({_members(tool.parameters, 0)}) - {_one_line(tool.description)}"]
    for name, schema in properties.items():
        if description := _one_line(_mapping(schema).get("description")):
            lines.append(f"  {name}: {description}")
    return "\n".join(lines)


def _members(schema: Mapping[str, Any], depth: int) -> str:
    """The properties of an object; "?" behind those that may be left out."""
    required = schema.get("required")
    required = required if isinstance(required, list | tuple) else ()
    properties = _mapping(schema.get("properties"))
    return ", ".join(
        f"{_one_line(name)}{'' if name in required else '?'}: {_type(_mapping(member), depth)}"
        for name, member in properties.items()
    )


def _type(schema: Mapping[str, Any], depth: int) -> str:
    if isinstance(values := schema.get("enum"), list | tuple):
        return " | ".join(json.dumps(value, ensure_ascii=False) for value in values)
    name = schema.get("type")
    if isinstance(name, list | tuple):
        return " | ".join(map(str, name))
    if depth >= MAX_DEPTH:
        return str(name or "any")
    if name == "array":
        return f"{_type(_mapping(schema.get('items')), depth + 1)}[]"
    if name == "object" and schema.get("properties"):
        return f"{{{_members(schema, depth + 1)}}}"
    if name is None and isinstance(choices := schema.get("anyOf", schema.get("oneOf")), list | tuple):
        return " | ".join(_type(_mapping(choice), depth + 1) for choice in choices)
    return str(name or "any")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _one_line(text: Any) -> str:
    return " ".join(text.split()) if isinstance(text, str) else ""
