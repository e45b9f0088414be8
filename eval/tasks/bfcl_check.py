"""Is a function call the one that was asked for? Compared as data, as the Berkeley leaderboard (BFCL) defines it.

A reference gives, for every argument, the values that are right; "" among them says that the argument may be left out.
A value has to be of the type the function declares (a whole number will do for a float), text is compared without case,
blanks and the marks , . / - _ * ^, lists in order, and objects member by member. Written from the data and the public
description of its AST evaluation for Python, without their code.

Source: Patil et al., The Berkeley Function Calling Leaderboard, ICML 2025; blog of 2024-02-26.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from appkit import ToolCall, ToolSpec

# Right; or the first thing that is wrong. All but the last two make a call that cannot be run.
Verdict = Literal[
    "right", "unknown tool", "missing argument", "unknown argument", "wrong type", "wrong tool", "wrong value"
]
INVALID: frozenset[Verdict] = frozenset({"unknown tool", "missing argument", "unknown argument", "wrong type"})
MAY_BE_OMITTED = ""
_IGNORED = re.compile(r"[ ,./\-_*^]")
_JSON_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


def check_call(call: ToolCall, tools: Sequence[ToolSpec], reference: Mapping[str, Mapping[str, list[Any]]]) -> Verdict:
    """The verdict on `call`.

    Args:
        reference: one function's name, with the values that are right for each of its arguments.
    """
    tool = next((tool for tool in tools if tool.name == call.name), None)
    if tool is None:
        return "unknown tool"
    if (fault := invalidity(call.arguments, tool.parameters)) is not None:
        return fault
    ((name, right),) = reference.items()
    if call.name != name:
        return "wrong tool"
    omitted = right.keys() - call.arguments.keys()
    if any(MAY_BE_OMITTED not in right[argument] for argument in omitted):
        return "wrong value"
    is_right = all(
        argument in right and _is_among(value, right[argument]) for argument, value in call.arguments.items()
    )
    return "right" if is_right else "wrong value"


def invalidity(arguments: Mapping[str, Any], parameters: Mapping[str, Any]) -> Verdict | None:
    """Why the function could not be called with `arguments`; None where it could."""
    properties = parameters.get("properties", {})
    if set(parameters.get("required", ())) - arguments.keys():
        return "missing argument"
    if arguments.keys() - properties.keys():
        return "unknown argument"
    if not all(_has_type(value, properties[name]) for name, value in arguments.items()):
        return "wrong type"
    return None


def _has_type(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether `value` has the type of `schema`, and its members those declared for them."""
    wanted = schema.get("type")
    if wanted is None:
        return True
    if isinstance(value, bool) != (wanted == "boolean") or not isinstance(value, _JSON_TYPES[wanted]):
        return False
    if isinstance(value, list):
        return all(_has_type(item, schema.get("items", {})) for item in value)
    if isinstance(value, dict) and "properties" in schema:
        return invalidity(value, schema) is None
    return True


def _is_among(value: Any, right: Sequence[Any]) -> bool:
    return any(_is_same(value, possible) for possible in right)


def _is_same(value: Any, possible: Any) -> bool:
    """Whether `value` is what a reference gives as `possible`, in which every member of an object has alternatives."""
    if isinstance(value, bool) or isinstance(possible, bool):
        return value is possible
    if isinstance(value, str) and isinstance(possible, str):
        return _normalised(value) == _normalised(possible)
    if isinstance(value, list) and isinstance(possible, list):
        return len(value) == len(possible) and all(map(_is_same, value, possible))
    if isinstance(value, dict) and isinstance(possible, dict):
        omitted = possible.keys() - value.keys()
        return all(MAY_BE_OMITTED in possible[name] for name in omitted) and all(
            name in possible and _is_among(member, possible[name]) for name, member in value.items()
        )
    return bool(value == possible)


def _normalised(text: str) -> str:
    return _IGNORED.sub("", text).lower().replace("'", '"')
