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
        text, parse_constant=_refuse_constant, parse_float=_finite_float, object_pairs_hook=object_pairs_hook
    )


def _finite_float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:20]} is too large a number")
    return number


def _float_or_digits(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else digits[:20]


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


# For the arguments of calls that a model wrote. A number too large for a float becomes its digits as text: the call
# stays one, its tool refuses the argument, and the model is told.
CALL_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_float_or_digits)
