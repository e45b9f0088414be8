"""Reads a task's file: YAML narrowed to what JSON has, with the line of every key.

`no` is text and not false, a date is text, a key given twice is an error. There are no tags, which would name code to
run, and no aliases, with which a small file can stand for a huge one.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from appkit.errors import EvaluationError
from appkit.strict_yaml import plain_scalar
from eval.yaml_tasks.fields import Fields

MAX_FILE_BYTES = 64 << 10
MAX_DEPTH = 30


def read_task_file(path: Path) -> Fields:
    """The mapping that the file holds.

    Raises:
        EvaluationError: there is no such file, it is too large, it is no YAML, or uses what is not read here.
    """
    import yaml

    text = _read_text(path)
    try:
        _check_events(path, yaml.parse(text, Loader=yaml.SafeLoader))
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            raise EvaluationError(f"{path} is empty; docs/evaluation_tasks.md shows what a task needs.")
        value = _value(path, node, "")
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise EvaluationError(
            f"{path}{line}: this is no YAML: {error.problem or error.context}. "
            "Text that holds any of ':#?,[]{}' stands in quotes."
        ) from error
    except (yaml.YAMLError, ValueError) as error:  # a character that YAML forbids; a number of too many digits
        raise EvaluationError(f"{path} cannot be read as YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(value, Fields):
        raise EvaluationError(f"{path} holds a {type(value).__name__}; a task is lines of 'field: value'.")
    return value


def _check_events(path: Path, events: Iterable[Any]) -> None:
    """Raise EvaluationError for a tag, an alias, or lists in lists in lists, which take ever longer to read."""
    import yaml

    depth = 0
    for event in events:
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise _error(path, event, f"this is nested more than {MAX_DEPTH} deep")
        if isinstance(event, yaml.AliasEvent):
            raise _error(path, event, "aliases (*name) are not read; write the value out")
        if tag := getattr(event, "tag", None):
            name = tag.replace("tag:yaml.org,2002:", "!!")
            problem = "would run code that a file names; write a Jinja template, or a task in Python"
            raise _error(path, event, f"{name} {problem if name == '!function' else 'is a tag, and tags are not read'}")


def _value(path: Path, node: Any, name: str) -> Any:
    """None, a bool, a number, text, a list or `Fields`."""
    import yaml

    if isinstance(node, yaml.ScalarNode):
        return plain_scalar(node.value) if node.style is None else node.value
    if isinstance(node, yaml.SequenceNode):
        return [_value(path, item, name) for item in node.value]
    fields = Fields(path, name)
    for key_node, value_node in node.value:
        key = key_node.value
        if not isinstance(key, str):
            raise _error(path, key_node, "a key must be text; a template stands in quotes")
        if key in fields:
            raise _error(path, key_node, f"{key} is given twice")
        fields.places[key] = f"{path}, line {key_node.start_mark.line + 1}"
        fields[key] = _value(path, value_node, f"{name}.{key}" if name else key)
    return fields


def _error(path: Path, place: Any, problem: str) -> EvaluationError:
    return EvaluationError(f"{path}, line {place.start_mark.line + 1}: {problem}.")


def _read_text(path: Path) -> str:
    if not path.is_file():
        raise EvaluationError(f"There is no task file {path}; give the path of a .yaml file.")
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise EvaluationError(
            f"{path} is larger than {MAX_FILE_BYTES >> 10} KiB, which no task needs; keep rows in a file of their own."
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8.") from error
