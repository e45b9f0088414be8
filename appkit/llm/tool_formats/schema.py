"""A tool's parameters as the schema its arguments are held to while they are written."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from appkit.messages import Constraint, Message, ToolChoice, ToolSpec

MAX_TOOLS = 128
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
# llguidance's own keyword: blanks after "," and ":", as `json.dumps` writes them and models were trained on them.
_BLANKS = {"x-guidance": {"item_separator": ", ", "key_separator": ": "}}
# With one of these, other properties are allowed or described elsewhere.
_OPENING = {"additionalProperties", "patternProperties", "allOf", "anyOf", "oneOf", "$ref"}


def check_asked(prompt: str | Sequence[Message], tools: Sequence[ToolSpec], choice: ToolChoice) -> None:
    """Raise ValueError for tools, or a wish about them, that make no sense where `prompt` is asked."""
    check_tool_specs(tools)
    if choice not in get_args(ToolChoice):
        raise ValueError(f"tool_choice is {choice!r}; it is one of {', '.join(map(repr, get_args(ToolChoice)))}.")
    if tools and isinstance(prompt, str):
        raise ValueError("Tools are for chats: ask with messages, or leave the tools out.")
    if choice == "required" and not tools:
        raise ValueError('tool_choice is "required", but there are no tools to call: give some.')


def check_tool_specs(tools: Sequence[ToolSpec]) -> None:
    """Raise ValueError for tools that cannot be told apart, named or shown."""
    names = [tool.name for tool in tools]
    if len(tools) > MAX_TOOLS:
        raise ValueError(
            f"{len(tools)} tools were given; a model is shown at most {MAX_TOOLS}: choose among them first."
        )
    for tool in tools:
        if not _NAME.fullmatch(tool.name):
            raise ValueError(
                f"A tool is named {tool.name!r:.80}; a name has 1 to 64 letters, digits, _, . and -, and begins "
                "with none of the last two."
            )
        if names.count(tool.name) > 1:
            raise ValueError(f"Two tools are named {tool.name!r}: a call would not say which is meant.")
        if tool.parameters and tool.parameters.get("type", "object") != "object":
            raise ValueError(
                f"The parameters of the tool {tool.name!r} have the type {tool.parameters['type']!r:.40}; they are a "
                'JSON Schema of the type "object".'
            )


def arguments_constraint(tool: ToolSpec, *, has_blanks: bool = True) -> Constraint:
    """What the arguments of `tool` must match. Where properties are listed, no others may be given.

    Args:
        has_blanks: after "," and ":", as models were trained to write calls in JSON.

    Raises:
        ValueError: parameters that are not plain data. Keywords are checked when the constraint is compiled.
    """
    try:
        schema = _closed({"type": "object", "properties": {}, **tool.parameters})
        return Constraint("json_schema", json.dumps(schema | (_BLANKS if has_blanks else {}), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"The parameters of the tool {tool.name!r} are not plain JSON data: {error}.") from error


def _closed(schema: Any) -> Any:
    """A copy in which objects that list properties allow no others, unless they say or combine something else."""
    if not isinstance(schema, Mapping):
        return schema
    closed = dict(schema)
    if isinstance(properties := schema.get("properties"), Mapping):
        closed["properties"] = {name: _closed(item) for name, item in properties.items()}
        if not schema.keys() & _OPENING:
            closed["additionalProperties"] = False
    if "items" in schema:
        closed["items"] = _closed(schema["items"])
    return closed
