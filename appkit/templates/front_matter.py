"""Reads the front matter of a prompt: a strict and small part of YAML, with the line of every key.

PyYAML parses; what it resolves is narrowed to what JSON has. So `no` is text and not false, a date is text, a key
given twice is an error, and there are no anchors, aliases or tags, with which a small file can stand for a huge one.
"""

import functools
import re
from typing import Any

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
        value = yaml.load(text, Loader=_loader())  # noqa: S506 (a loader that is stricter than the safe one)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 2 if error.problem_mark else None  # the fence is line 1
        raise origin.error(f"the front matter cannot be read: {error.problem or error.context}.", line) from error
    except (yaml.YAMLError, ValueError) as error:  # a character that YAML forbids; a number of too many digits
        raise origin.error(f"the front matter cannot be read: {' '.join(str(error).split())}.") from error
    except RecursionError as error:
        raise origin.error("the front matter is nested too deeply.") from error
    if value is None:
        return Located()
    if not isinstance(value, Located):
        raise origin.error(f"the front matter is a {type(value).__name__}; write 'key: value' lines.", 2)
    return value


@functools.cache
def _loader() -> Any:
    """The loader class; PyYAML takes 15 ms to import and is not needed before."""
    import yaml

    class StrictLoader(yaml.SafeLoader):
        yaml_implicit_resolvers: Any = {}  # noqa: RUF012 (as PyYAML declares them)
        yaml_constructors: Any = {}  # noqa: RUF012 (as PyYAML declares them)

        def compose_node(self, parent: Any, index: Any) -> Any:
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]
            if isinstance(event, yaml.AliasEvent):
                raise yaml.MarkedYAMLError(problem="an alias (*name) is not read here", problem_mark=event.start_mark)
            if event.anchor is not None:
                raise yaml.MarkedYAMLError(problem="an anchor (&name) is not read here", problem_mark=event.start_mark)
            if getattr(event, "tag", None) is not None:
                raise yaml.MarkedYAMLError(problem="a tag (!name) is not read here", problem_mark=event.start_mark)
            return super().compose_node(parent, index)

        def build_mapping(self, node: Any) -> Located:
            mapping = Located()
            for key_node, value_node in node.value:
                key = self.construct_object(key_node, deep=True)
                if not isinstance(key, str | int) or isinstance(key, bool):
                    raise yaml.MarkedYAMLError(problem="a key is not text", problem_mark=key_node.start_mark)
                if key in mapping:
                    raise yaml.MarkedYAMLError(
                        problem=f"the key {key!r} is given twice", problem_mark=key_node.start_mark
                    )
                mapping[key] = self.construct_object(value_node, deep=True)
                mapping.lines[key] = key_node.start_mark.line + 2
            return mapping

    def add(tag: str, build: Any, pattern: str = "", first: str = "") -> None:
        tag = f"tag:yaml.org,2002:{tag}"
        StrictLoader.add_constructor(tag, build)
        if pattern:
            StrictLoader.add_implicit_resolver(tag, re.compile(rf"(?:{pattern})\Z"), list(first))

    # the core schema of YAML 1.2, without its octal and hexadecimal numbers
    add("null", lambda loader, node: None, "~|null|", "~n\0")
    add("bool", lambda loader, node: node.value == "true", "true|false", "tf")
    add("int", lambda loader, node: int(node.value), r"[-+]?[0-9]+", "-+0123456789")
    add(
        "float",
        lambda loader, node: float(node.value),
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?",
        "-+.0123456789",
    )
    add("str", lambda loader, node: node.value)
    add("seq", lambda loader, node: loader.construct_sequence(node, deep=True))
    add("map", StrictLoader.build_mapping)
    return StrictLoader
