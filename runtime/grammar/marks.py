"""Texts that a constraint names, any of which free text may have to reach before it can end: "</think>", say.

They are suggestions to the search for an ending (`runtime/grammar/ending.py`), which checks whatever it makes of them.
So nothing here has to understand a grammar: what looks like literal text in it is taken.
"""

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import llguidance

from runtime.grammar.base import Constraint
from runtime.grammar.ending import find_ending
from runtime.grammar.special import lark_with_text
from runtime.grammar.tables import byte_tables, new_matcher

MAX_MARKS = 48
MAX_MARK_BYTES = 1000
MAX_PATTERNS = 16  # of a JSON schema, each of which takes a fraction of a millisecond
_LARK_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_LITERAL_RUN = re.compile(r"(?:[^\\.\[\](){}|*+?^$/]|\\[^a-zA-Z0-9]|\\n){2,}")  # of a regex
_ANYTHING = re.compile(r"\.\*\??|\(\?s:\.\*\??\)|\(\?s:\.\)\*\??|\[\\s\\S\]\*\??")  # .* and how else it is written
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def marks_of(constraint: Constraint) -> tuple[bytes, ...]:
    """Marks of a constraint and its parts, the one that ends free text (`after`) first."""
    texts = [constraint.after, *_texts(constraint)]
    texts += [text for _, part in constraint.parts for text in _texts(part)]
    marks = dict.fromkeys(text.encode(errors="replace") for text in texts if text)
    return tuple(mark for mark in marks if len(mark) <= MAX_MARK_BYTES)[:MAX_MARKS]


def _texts(constraint: Constraint) -> list[str]:
    source = constraint.source
    if not isinstance(source, str) or constraint.kind == "substring":
        return []
    if constraint.kind == "json_schema":
        return _with_joined(list(_pattern_texts(json.loads(source))))
    runs = [_ESCAPED.sub(_unescaped, run) for run in _LITERAL_RUN.findall(source)]
    if constraint.kind == "grammar":
        return [*_lark_strings(lark_with_text(source)), *runs]
    core = _ANYTHING.sub("", source)
    return [*_with_joined(runs), *([_example(core) or ""] if core != source else [])]


def _with_joined(texts: list[str]) -> list[str]:
    """With neighbours joined, and all: where several must occur, one alone changes nothing that shows."""
    if len(texts) < 2:
        return texts
    return [*texts[:MAX_MARKS], "".join(texts), *map("".join, itertools.pairwise(texts))]


def _lark_strings(source: str) -> Iterator[str]:
    for found in _LARK_STRING.findall(source):
        try:
            yield json.loads(found)
        except ValueError:  # not JSON's escapes
            continue


def _pattern_texts(schema: Any) -> Iterator[str]:
    """For each pattern that may match anywhere in a string, a text that matches it, as JSON writes it."""
    for pattern in itertools.islice(_open_patterns(schema), MAX_PATTERNS):
        text = _example(pattern.removeprefix("^").removesuffix("$"))
        if text:
            yield json.dumps(text, ensure_ascii=False)[1:-1]


def _open_patterns(schema: Any) -> Iterator[str]:
    """Patterns of values and of names that are not held at both ends."""
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += reversed(node)
        elif isinstance(node, dict):
            waiting += reversed(list(node.values()))
            names = node.get("patternProperties")
            for pattern in (node.get("pattern"), *(names if isinstance(names, dict) else ())):
                if isinstance(pattern, str) and not (pattern.startswith("^") and pattern.endswith("$")):
                    yield pattern


def _example(pattern: str) -> str | None:
    state = new_matcher(byte_tables(), llguidance.LLMatcher.grammar_from_regex(pattern))
    example = None if state.is_error() else find_ending(state, max_bytes=MAX_MARK_BYTES)
    return None if example is None else example.decode(errors="ignore")


def _unescaped(found: re.Match[str]) -> str:
    return "\n" if found[1] == "n" else found[1]
