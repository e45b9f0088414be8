"""`-t NAME` and `-p name=value`: a prompt and its values, as typed at a command line."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from appkit.cli.texts import text
from appkit.errors import TemplateError
from appkit.templates import Prompt, Variable, load_prompt
from appkit.templates.partials import SUFFIX

MAX_FILE_BYTES = 16 << 20
_JSON_STARTS = ("{", "[", '"')  # a value for "any" that begins so is JSON; everything else is text, as it stands


def find_template(name: str) -> Prompt:
    """The prompt of this name, or in this file where it ends in .prompt. Raises TemplateError."""
    return Prompt.from_file(name) if name.endswith(SUFFIX) else load_prompt(name)


def read_params(prompt: Prompt, given: Sequence[str]) -> dict[str, Any]:
    """The values that `name=value` texts give, each read as its variable's type; lists are given piece by piece.

    `name=@file` reads a file, `name=@-` standard input, both without their last line break; `name=@@x` is the text @x.

    Raises:
        ValueError: a text has no "=", a value is not of its type, a file cannot be used, or a name is given twice.
        OSError: a file cannot be read.
        TemplateError: the prompt has no such variable.
    """
    if sum(param.partition("=")[2] == "@-" for param in given) > 1:
        raise ValueError(text("params_stdin_twice"))
    pieces: dict[str, list[tuple[str, bool]]] = {}
    for param in given:
        name, is_given, value = param.partition("=")
        if not is_given:
            raise ValueError(text("params_no_value", param=param))
        if name not in prompt.variables:
            known = ", ".join(prompt.variables) or "-"
            raise TemplateError(text("params_unknown", prompt=prompt.name, name=name, known=known), prompt.name, name)
        pieces.setdefault(name, []).append(_read_piece(name, value))
    return {name: _value(prompt.variables[name], found) for name, found in pieces.items()}


def fill_in(prompt: Prompt, values: dict[str, Any], question: str) -> dict[str, Any]:
    """`values` with `question` for the one text that is still missing. Raises TemplateError where it is not one."""
    missing = [each for each in prompt.variables.values() if each.is_required and each.name not in values]
    if len(missing) == 1 and missing[0].type in ("str", "any"):
        return {**values, missing[0].name: question}
    names = ", ".join(each.name for each in missing)
    key = "params_no_place" if missing else "params_nothing_missing"
    raise TemplateError(text(key, prompt=prompt.name, names=names), prompt.name)


def _read_piece(name: str, value: str) -> tuple[str, bool]:
    """The text that a value stands for, and whether it came from a file."""
    if value.startswith("@@") or not value.startswith("@"):
        return value.removeprefix("@") if value.startswith("@@") else value, False
    source = value[1:]
    if not source:
        raise ValueError(text("params_no_file", name=name))
    if source == "-":
        stdin = getattr(sys.stdin, "buffer", None)  # a program that was started without one has none
        data = b"" if stdin is None else stdin.read(MAX_FILE_BYTES + 1)
    else:
        with Path(source).open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(text("params_too_large", source=source, limit_mb=MAX_FILE_BYTES >> 20))
    try:
        return data.decode("utf-8").removesuffix("\n"), True
    except UnicodeDecodeError as error:
        raise ValueError(text("params_not_text", source=source, offset=error.start)) from error


def _value(variable: Variable, pieces: list[tuple[str, bool]]) -> Any:
    """The value that one variable was given in pieces of text, and whether each came from a file."""
    if variable.type == "list[str]":
        return _text_list(pieces)
    if len(pieces) > 1:
        raise ValueError(text("params_twice", name=variable.name, type=variable.type))
    ((given, _),) = pieces
    if variable.type == "str" or (variable.type == "any" and not given.lstrip().startswith(_JSON_STARTS)):
        return given
    try:
        if variable.type == "int":
            return int(given)
        if variable.type == "float":
            return float(given)
        if variable.type == "bool":
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[given.lower()]
        return json.loads(given)
    except (ValueError, KeyError, RecursionError) as error:
        shown = given if len(given) <= 60 else given[:57] + "…"
        type = variable.type if variable.type in ("int", "float", "bool") else "JSON"
        raise ValueError(text("params_not_of_type", name=variable.name, value=shown, type=type)) from error


def _text_list(pieces: list[tuple[str, bool]]) -> list[str]:
    """Each piece is an item; a JSON list is all its items, and a file has one a line."""
    items: list[str] = []
    for given, is_file in pieces:
        if (listed := _json_list(given)) is not None:
            items += listed
        else:
            items += given.splitlines() if is_file else [given]
    return items


def _json_list(given: str) -> list[Any] | None:
    """The list that JSON text holds; None for other text, even where it begins with a bracket."""
    try:
        value = json.loads(given) if given.lstrip().startswith("[") else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) else None
