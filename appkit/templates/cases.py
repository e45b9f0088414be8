"""The test cases of a prompt: values to render it with, and what a model's answer must look like."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from appkit.strict_yaml import Located
from appkit.templates.origin import Origin
from appkit.templates.variables import Variable, check_value

MAX_CASES = 1000
MAX_MATCHED_CHARACTERS = 20_000  # of an answer: an expression may take long, and a person waits


@dataclass(frozen=True, kw_only=True)
class PromptCase:
    """Values, and what is expected of the answer that a model gives to the prompt rendered with them."""

    name: str
    variables: Mapping[str, Any]
    contains: tuple[str, ...] = ()
    not_contains: tuple[str, ...] = ()
    matches: str | None = None  # a regular expression to be found somewhere
    max_characters: int | None = None
    one_of: tuple[str, ...] = ()  # the whole answer, white space around it aside

    def check(self, text: str) -> list[str]:
        """What is wrong with the answer `text`: a sentence each, none where it is as expected."""
        faults = [f"It does not contain {part!r}." for part in self.contains if part not in text]
        faults += [f"It contains {part!r}." for part in self.not_contains if part in text]
        if self.matches is not None and not re.search(self.matches, text[:MAX_MATCHED_CHARACTERS]):
            faults.append(f"It does not match {self.matches!r}.")
        if self.max_characters is not None and len(text) > self.max_characters:
            faults.append(f"It has {len(text):,} characters; at most {self.max_characters:,} were expected.")
        if self.one_of and text.strip() not in self.one_of:
            faults.append(f"It is none of {', '.join(map(repr, self.one_of))}.")
        return faults


def read_cases(origin: Origin, given: Any, line: int | None) -> tuple[PromptCase, ...]:
    """What `tests:` of the front matter lists. Raises TemplateError; values are checked when they are rendered."""
    if not isinstance(given, list) or len(given) > MAX_CASES:
        raise origin.error(f"tests is no list of up to {MAX_CASES:,} cases; write '- name: …' for each.", line)
    return tuple(_read_case(origin, case, line) for case in given)


def _read_case(origin: Origin, given: Any, line: int | None) -> PromptCase:
    if not isinstance(given, Located):
        raise origin.error(f"a test is {given!r}; write name, variables and expect.", line)
    line = min(given.lines.values(), default=line)
    for key in given:
        if key not in ("name", "variables", "expect"):
            raise origin.error(f"a test has {key!r}; it takes name, variables and expect.", given.lines[key])
    name, variables, expect = given.get("name"), given.get("variables", Located()), given.get("expect")
    if not isinstance(name, str) or not name:
        raise origin.error(f"a test is named {name!r}; give it a name.", line)
    if not isinstance(variables, Located):
        raise origin.error(f"the test {name!r} has the variables {variables!r}; write name: value.", line)
    if not isinstance(expect, Located) or not expect:
        raise origin.error(f"the test {name!r} expects nothing; give it at least one of {', '.join(_EXPECTED)}.", line)
    for key, value in expect.items():
        _check_expected(origin, name, key, value, expect.lines[key])
    texts: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in expect.items()}
    return PromptCase(name=name, variables=MappingProxyType(dict(variables)), **texts)


_EXPECTED = {
    "contains": "list[str]",
    "not_contains": "list[str]",
    "matches": "str",
    "max_characters": "int",
    "one_of": "list[str]",
}


def _check_expected(origin: Origin, case: str, key: Any, value: Any, line: int) -> None:
    if key not in _EXPECTED:
        raise origin.error(f"the test {case!r} expects {key!r}; there are {', '.join(_EXPECTED)}.", line)
    as_variable: Any = Variable(name=key, type=_EXPECTED[key], line=line)  # type: ignore[arg-type]
    check_value(origin, as_variable, value, f" of the test {case!r}")
    if isinstance(value, list) and ("" in value or not value):
        raise origin.error(f"the test {case!r} has nothing, or an empty text, under {key}.", line)
    if key == "matches":
        try:
            re.compile(value)
        except (re.error, RecursionError, OverflowError) as error:
            raise origin.error(f"the test {case!r} matches no regular expression: {error}.", line) from error
