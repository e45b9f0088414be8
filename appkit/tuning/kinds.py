"""Values of JSON held against an annotation: whole numbers, texts, choices, lists and mappings of them."""

import math
import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin

_NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", type(None): "nothing"}


def as_kind(value: Any, hint: Any) -> Any:
    """`value` as the annotation has it: a list as a tuple, a whole number as a float where that is asked for.

    Raises:
        ValueError: it is of another kind; the message says what it should be, as in "a whole number".
    """
    if _is_union(hint):
        for kind in sorted(get_args(hint), key=lambda kind: type(value) is not kind):
            try:
                return as_kind(value, kind)
            except ValueError:
                continue
        raise ValueError(described(hint))
    origin, args = get_origin(hint), get_args(hint)
    try:
        if origin is tuple and isinstance(value, list | tuple):
            kinds = [args[0]] * len(value) if args[-1] is Ellipsis else args
            return tuple(as_kind(item, kind) for item, kind in zip(value, kinds, strict=True))
        if origin is not None and origin is not Literal and isinstance(value, Mapping):
            return {as_kind(key, args[0]): as_kind(item, args[1]) for key, item in value.items()}
    except ValueError:
        raise ValueError(described(hint)) from None
    if hint is float and type(value) is int:
        return float(value)
    fits = type(value) is hint if origin is None else origin is Literal and value in args
    if not fits or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(described(hint))
    return value


def described(hint: Any) -> str:
    """What a value of this kind is, for a message."""
    if _is_union(hint):
        return " or ".join(described(kind) for kind in get_args(hint) if kind is not type(None))
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return f"one of {', '.join(args)}"
    if origin is tuple:
        return f"a list, each item {described(args[0])}"
    if origin is not None:
        return f"'name: value' lines, each value {described(args[1])}"
    return _NAMES[hint]


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType)
