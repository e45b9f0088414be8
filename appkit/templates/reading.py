"""Reads a prompt: its front matter field by field, its text part by part."""

from pathlib import Path
from types import MappingProxyType
from typing import Any

from appkit.strict_yaml import Located
from appkit.templates.cases import read_cases
from appkit.templates.examples import ANSWER, read_examples
from appkit.templates.front_matter import read_front_matter, split_front_matter
from appkit.templates.options import read_options
from appkit.templates.origin import Origin, check_text
from appkit.templates.output import Output, read_output
from appkit.templates.partials import inspect
from appkit.templates.parts import Part, split_parts
from appkit.templates.variables import Variable, read_variables

MAX_BYTES = 256 << 10
KEYS = ("purpose", "version", "language", "variables", "options", "output", "examples", "tests", "tested_on")


def read_prompt(origin: Origin, source: str, *, root: Path | None) -> dict[str, Any]:
    """The fields of a `Prompt`. Only a prompt that is no file may do without front matter.

    Raises:
        TemplateError: what is there is no prompt.
    """
    if len(source) > MAX_BYTES:
        raise origin.error(f"it has {len(source):,} characters; at most {MAX_BYTES:,}.")
    check_text(origin, source)
    text, body, first_line = split_front_matter(origin, source)
    parts = split_parts(origin, body, first_line)
    fields = {"name": origin.name, "path": origin.path, "root": root, "source": source, "parts": parts}
    if text is not None:
        return fields | _read_fields(origin, read_front_matter(origin, text), parts)
    if origin.path is not None:
        raise origin.error("it has no front matter; begin with a line '---', 'key: value' lines and another '---'.", 1)
    return fields | {"variables": MappingProxyType(_read_names(origin, parts))}


def _read_fields(origin: Origin, header: Located, parts: tuple[Part, ...]) -> dict[str, Any]:
    for key, line in header.lines.items():
        if key not in KEYS:
            raise origin.error(f"the front matter has {key!r}; it takes {', '.join(KEYS)}.", line)
    lines = header.lines
    variables = read_variables(origin, _mapping(origin, header, "variables"))
    shows_examples = any(part.is_example for part in parts)
    if shows_examples and ANSWER in variables:
        message = f"{ANSWER!r} is what an example answers; call the variable something else."
        raise origin.error(message, variables[ANSWER].line, variable=ANSWER)
    examples: tuple[dict[str, Any], ...] = ()
    if "examples" in header:
        if not shows_examples:
            message = "it names examples and has no '=== example.user' and '=== example.assistant' to show them in."
            raise origin.error(message, lines["examples"])
        examples = read_examples(origin, header["examples"], lines["examples"])
    return {
        "purpose": _text(origin, header, "purpose"),
        "version": _version(origin, header),
        "language": _language(origin, header),
        "variables": MappingProxyType(variables),
        "options": read_options(origin, _mapping(origin, header, "options")),
        "output": read_output(origin, header["output"], lines["output"], variables) if "output" in header else Output(),
        "examples": tuple(MappingProxyType(example) for example in examples),
        "tests": read_cases(origin, header["tests"], lines["tests"]) if "tests" in header else (),
        "tested_on": _text(origin, header, "tested_on"),
    }


def _read_names(origin: Origin, parts: tuple[Part, ...]) -> dict[str, Variable]:
    """A variable of any type for each name that the templates read."""
    variables: dict[str, Variable] = {}
    for part in parts:
        for name, line in inspect(origin, part.source, part.line).variables.items():
            if not (part.is_example and name == ANSWER):
                variables.setdefault(name, Variable(name=name, line=part.line + line - 1))
    return variables


def _mapping(origin: Origin, header: Located, key: str) -> Located:
    value = header.get(key, Located())
    if not isinstance(value, Located):
        raise origin.error(f"{key} is {value!r}; write 'name: …' lines, or {{name: …}}.", header.lines[key])
    return value


def _text(origin: Origin, header: Located, key: str) -> str:
    value = header.get(key, "")
    if not isinstance(value, str):
        raise origin.error(f"{key} is {value!r}; write a text, in quotes if need be.", header.lines[key])
    return value


def _version(origin: Origin, header: Located) -> int:
    version = header.get("version", 1)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise origin.error(f"version is {version!r}; give a whole number from 1 up.", header.lines["version"])
    return version


def _language(origin: Origin, header: Located) -> str:
    """As the front matter says, else as the name ends; the two may not disagree."""
    said = _text(origin, header, "language")
    ending = origin.name.rpartition("/")[2].rpartition(".")[2] if "." in origin.name.rpartition("/")[2] else ""
    if said and ending and said != ending:
        raise origin.error(f"its language is {said!r} and its name ends in .{ending}.", header.lines["language"])
    return said or ending
