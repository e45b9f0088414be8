"""Whether compiling a constraint is surely quick, told from its text.

llguidance bounds most of its work, but not all: it recurses along chains of rules until the stack is spent, and some
constructs make it take time or memory that grows with a power of their number. What has few of them compiles in some
milliseconds (measured over each construct, `tests/runtime/grammar/test_hostile.py`). The rest is no worse for it: it
is first tried out in a process of its own.
"""

import json
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from math import prod
from typing import Any

from runtime.grammar.base import Constraint

MAX_PLAIN_CHARS = 1 << 14
MAX_PLAIN_RULES = 100  # of a grammar; references of a schema
MAX_PLAIN_MEETS = 4  # texts that must match several patterns at once
MAX_PLAIN_FACTOR = 1000  # a number's multipleOf is an automaton of as many states
MAX_PLAIN_REPEATS = 100_000
_REPEATED_GROUP = re.compile(r"\)\{([0-9]*),?([0-9]*)\}")
_REPEATED = re.compile(r"\{([0-9]*),?([0-9]*)\}")
_MEETING_KEYWORDS = frozenset({"pattern", "format", "minLength", "maxLength", "multipleOf"})


def is_plain(constraint: Constraint) -> bool:
    """Whether `constraint` compiles in some milliseconds and a few MiB for certain."""
    constraints = [constraint, *(part for _, part in constraint.parts)]
    num_chars = sum(_size(one.source) for one in constraints if one.kind != "substring")  # whose cost is linear
    return num_chars <= MAX_PLAIN_CHARS and all(map(_is_plain, constraints))


def _size(source: str | tuple[str, ...]) -> int:
    """Characters; nothing has been checked yet."""
    return len(source) if isinstance(source, str) else sum(len(str(text)) + 5 for text in source)


def _is_plain(constraint: Constraint) -> bool:
    source = constraint.source
    if not isinstance(source, str) or constraint.kind == "substring":
        return True
    if constraint.kind == "regex":
        return _repeats(source) <= MAX_PLAIN_REPEATS
    if constraint.kind == "grammar":
        return (
            source.count(":") <= MAX_PLAIN_RULES
            and source.count("&") + source.count("~") <= MAX_PLAIN_MEETS
            and "%json" not in source
            and _repeats(source) <= MAX_PLAIN_REPEATS
        )
    try:
        return _is_plain_schema(json.loads(source))
    except (ValueError, RecursionError):
        return True  # refused before it is compiled


def _repeats(pattern: str) -> int:
    """How often the innermost of nested counted groups may repeat, or more."""
    groups = prod(_count(*found) for found in _REPEATED_GROUP.findall(pattern))
    return groups * max((_count(*found) for found in _REPEATED.findall(pattern)), default=1)


def _count(least: str, most: str) -> int:
    return max(1, int(most[-9:] or least[-9:] or 1))


def _is_plain_schema(schema: Any) -> bool:
    nodes = list(_objects(schema))
    return (
        sum("$ref" in node for node in nodes) <= MAX_PLAIN_RULES
        and sum(map(_num_meets, nodes)) <= MAX_PLAIN_MEETS
        and prod(_factor(node["multipleOf"]) for node in nodes if "multipleOf" in node) <= MAX_PLAIN_FACTOR
        and all(_repeats(str(node.get("pattern", ""))) <= MAX_PLAIN_REPEATS for node in nodes)
    )


def _objects(schema: Any) -> Iterator[dict[str, Any]]:
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


def _num_meets(node: dict[str, Any]) -> int:
    listed = sum(len(node[key]) for key in ("allOf", "patternProperties") if isinstance(node.get(key), list | dict))
    return listed + ("$ref" in node and not _MEETING_KEYWORDS.isdisjoint(node))


def _factor(multiple: Any) -> int:
    """The digits of a multipleOf as a whole number: 25 for 0.25."""
    try:
        digits = Decimal(str(multiple)).normalize().as_tuple().digits
    except InvalidOperation:
        return 1  # no number: refused
    return max(1, int("".join(map(str, digits))) if len(digits) < 10 else MAX_PLAIN_FACTOR + 1)
