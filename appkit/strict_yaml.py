"""YAML narrowed to what JSON has: `no` is text, a date is text, a key given twice is an error.

There are no tags, which would name code to run, and no anchors and aliases, with which a small file can stand for a
huge one. PyYAML parses; what it resolves is built here.
"""

import math
import re
from collections.abc import Iterator
from typing import Any

_WHOLE = re.compile(r"[-+]?[0-9]+", re.ASCII)
_REAL = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)


def plain_scalar(text: str) -> str | int | float | bool | None:
    """The value, by the core schema of YAML 1.2, its octal and hexadecimal numbers aside.

    Raises:
        ValueError: a whole number of more digits than Python reads.
    """
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if _WHOLE.fullmatch(text):
        return int(text)
    if _REAL.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text


class Located(dict[Any, Any]):
    """A mapping that was read; `lines` says where each key stands."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[Any, int] = {}


class StrictYamlError(ValueError):
    """A text that cannot be read: `line` is where, where that is known."""

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(problem)
        self.line = line


def read_yaml(text: str, *, first_line: int = 1) -> Any:
    """What a text holds: None where it is empty, else a bool, a number, text, a list or a `Located`.

    Args:
        first_line: the number of its first line, for messages.

    Raises:
        StrictYamlError: it is no YAML, or uses what is not read here.
    """
    import yaml

    try:
        events = yaml.parse(text, Loader=yaml.SafeLoader)
        value = None
        for event in events:
            if isinstance(event, yaml.NodeEvent):
                value = _Builder(events, first_line).node(event)
            elif isinstance(event, yaml.DocumentStartEvent) and event.explicit:
                raise _refused("it begins another document", event)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + first_line if error.problem_mark else None
        problem = f"{error.problem or error.context}. Text that holds any of ':#?,[]{{}}' stands in quotes"
        raise StrictYamlError(problem, line) from error
    except (yaml.YAMLError, ValueError) as error:  # a character that YAML forbids; a number of too many digits
        raise StrictYamlError(" ".join(str(error).split())) from error
    except RecursionError as error:
        raise StrictYamlError("it is nested too deeply") from error
    return value


class _Builder:
    """Builds values from PyYAML's events, one node after the other."""

    def __init__(self, events: Iterator[Any], first_line: int) -> None:
        self._events = events
        self._first_line = first_line

    def node(self, event: Any) -> Any:
        """The value that begins with `event`."""
        import yaml

        for name, mark in (("anchor", "&"), ("tag", "!")):
            if getattr(event, name, None) is not None:  # an alias has the anchor that it repeats
                raise _refused(f"names and tags, as in {mark}{getattr(event, name).lstrip(mark)}, are not read", event)
        if isinstance(event, yaml.ScalarEvent):
            return plain_scalar(event.value) if event.style is None else event.value
        if isinstance(event, yaml.SequenceStartEvent):
            return [self.node(item) for item in self._until(yaml.SequenceEndEvent)]
        mapping = Located()
        for key_event in self._until(yaml.MappingEndEvent):
            key = self.node(key_event)
            if not isinstance(key, str | int) or isinstance(key, bool):
                raise _refused(f"the key {key!r} is not text", key_event)
            if key in mapping:
                raise _refused(f"the key {key!r} is given twice", key_event)
            mapping[key] = self.node(next(self._events))
            mapping.lines[key] = key_event.start_mark.line + self._first_line
        return mapping

    def _until(self, end: type) -> Iterator[Any]:
        for event in self._events:
            if isinstance(event, end):
                return
            yield event


def _refused(problem: str, event: Any) -> Exception:
    import yaml

    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
