"""Reads the front matter of a prompt: a strict and small part of YAML, with the line of every key.

PyYAML parses; what it resolves is narrowed to what JSON has. So `no` is text and not false, a date is text, a key
given twice is an error, and there are no anchors, aliases or tags, with which a small file can stand for a huge one.
"""

from collections.abc import Iterator
from typing import Any

from appkit.strict_yaml import plain_scalar
from appkit.templates.origin import Origin

MAX_CHARACTERS = 64 << 10
_FENCE = "---"


class Located(dict[Any, Any]):
    """A mapping of the front matter; `lines` says where each key stands."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[Any, int] = {}


def split_front_matter(origin: Origin, source: str) -> tuple[str | None, str, int]:
    """The front matter, None where there is none; the text after it; the line where that begins.

    Raises:
        TemplateError: it begins and does not end, or is too long.
    """
    first, _, rest = source.partition("\n")
    if first != _FENCE:
        if first.strip() == _FENCE:
            raise origin.error("the line '---' has spaces around it; remove them.", 1)
        return None, source, 1
    if rest.startswith(f"{_FENCE}\n"):
        return "", rest[len(_FENCE) + 1 :], 3
    text, end, body = f"{rest}\n".partition(f"\n{_FENCE}\n")
    if not end:
        raise origin.error("the front matter has no end; write a line '---' after it.", 1)
    if len(text) > MAX_CHARACTERS:
        raise origin.error(f"the front matter has {len(text):,} characters; at most {MAX_CHARACTERS:,}.", 1)
    return text, body[:-1] if body else "", text.count("\n") + 4


def read_front_matter(origin: Origin, text: str) -> Located:
    """The mapping that front matter holds; nested ones are `Located` too.

    Raises:
        TemplateError: it is no YAML, or uses what is not read here.
    """
    import yaml

    try:
        events = yaml.parse(text, Loader=yaml.SafeLoader)
        value = None
        for event in events:
            if isinstance(event, yaml.NodeEvent):
                value = _Builder(events).node(event)
            elif isinstance(event, yaml.DocumentStartEvent) and event.explicit:
                raise _refused("it begins another document", event)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 2 if error.problem_mark else None  # the fence is line 1
        raise origin.error(
            f"the front matter cannot be read: {error.problem or error.context}. Text that holds any of "
            "':#?,[]{}' stands in quotes.",
            line,
        ) from error
    except (yaml.YAMLError, ValueError) as error:  # a character that YAML forbids; a number of too many digits
        raise origin.error(f"the front matter cannot be read: {' '.join(str(error).split())}.") from error
    except RecursionError as error:
        raise origin.error("the front matter is nested too deeply.") from error
    if value is None:
        return Located()
    if not isinstance(value, Located):
        raise origin.error(f"the front matter is a {type(value).__name__}; write 'key: value' lines.", 2)
    return value


class _Builder:
    """Builds values from PyYAML's events, one node after the other."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events

    def node(self, event: Any) -> Any:
        """The value that begins with `event`: None, a bool, a number, text, a list or a `Located`."""
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
            mapping.lines[key] = key_event.start_mark.line + 2
        return mapping

    def _until(self, end: type) -> Iterator[Any]:
        for event in self._events:
            if isinstance(event, end):
                return
            yield event


def _refused(problem: str, event: Any) -> Exception:
    import yaml

    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
