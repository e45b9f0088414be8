"""JSON and JSON lines: each value becomes a line "path: value".

    {"pump": {"stock": 3, "names": ["P1", "P2"]}}      →      pump.stock: 3
                                                              pump.names[0]: P1
                                                              pump.names[1]: P2

Members of the outermost object or list that are objects or lists are sections, with an empty line between them. Numbers
stay as they are written, however long; empty objects, empty lists and null say nothing and are left out.
"""

import json
from collections.abc import Iterator
from typing import Any

from appkit.retrieval.loaders.content import Content, TextBuilder
from appkit.retrieval.loaders.errors import UnusableContentError
from appkit.retrieval.loaders.plain_text import decode_clean

MAX_DEPTH = 100


class Number(str):
    """A number as the file writes it: its digits are text here, and no conversion bounds their count."""


def read_json(data: bytes) -> Content:
    """One JSON value."""
    text, metadata = decode_clean(data)
    value = parse_json(text)
    builder = TextBuilder()
    if isinstance(value, dict | list):
        for name, member in _members(value):
            is_section = isinstance(member, dict | list) and bool(member)
            if is_section:
                builder.end_line(2)
                builder.add_heading(name, 1)
            _add_value(builder, name, member, 1)
            if is_section:
                builder.end_line(2)
    else:
        builder.add(_as_text(value) or "")
    return builder.content(metadata=metadata)


def read_json_lines(data: bytes) -> Content:
    """One JSON value a line; each is a section called "line 7"."""
    text, metadata = decode_clean(data)
    builder = TextBuilder()
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        builder.end_line(2)
        builder.add_heading(f"line {number}", 1)
        _add_value(builder, "", parse_json(line, number), 0)
    return builder.content(metadata=metadata)


def parse_json(text: str, line: int | None = None) -> Any:
    """A JSON value with numbers as `Number`. `line` is its place in a file of several.

    Raises:
        UnusableContentError: "corrupt".
    """
    try:
        return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=Number)
    except json.JSONDecodeError as error:
        raise UnusableContentError(
            "corrupt", f"It is not JSON: line {line or error.lineno}, column {error.colno}: {error.msg}."
        ) from error
    except RecursionError as error:
        raise _too_deep() from error


def _add_value(builder: TextBuilder, path: str, value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise _too_deep()
    if isinstance(value, dict | list):
        for name, member in _members(value):
            joint = "." if path and isinstance(value, dict) else ""
            _add_value(builder, f"{path}{joint}{name}", member, depth + 1)
        return
    text = _as_text(value)
    if text:
        builder.add(f"{path}: {text}\n" if path else f"{text}\n")


def _members(value: dict[str, Any] | list[Any]) -> Iterator[tuple[str, Any]]:
    return iter(value.items()) if isinstance(value, dict) else ((f"[{idx}]", item) for idx, item in enumerate(value))


def _as_text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _too_deep() -> UnusableContentError:
    return UnusableContentError("corrupt", f"It nests more than {MAX_DEPTH} values in each other.")
