"""JSON as its standard has it (RFC 8259). Python's reader also takes NaN, infinities, and numbers no float can hold.

What is read here can be written again, and says the same to every other reader.
"""

import json
import math
from collections.abc import Callable
from typing import Any, NoReturn


def loads(text: str | bytes, *, object_pairs_hook: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """As `json.loads`.

    Raises:
        ValueError: it is not JSON, or holds a number that is too large for a float.
        RecursionError: it is nested too deeply.
    """
    return json.loads(
        text, parse_constant=refuse_constant, parse_float=_finite_float, object_pairs_hook=object_pairs_hook
    )


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An `object_pairs_hook` that refuses a key that is there twice: readers do not agree which of them counts."""
    table: dict[str, Any] = {}
    for name, value in pairs:
        if name in table:
            raise ValueError(f"{name[:80]!r} is there twice")
        table[name] = value
    return table


def refuse_constant(name: str) -> NoReturn:
    """A `parse_constant` that takes none."""
    raise ValueError(f"{name} is no JSON value")


def _finite_float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:20]} is too large a number")
    return number
