"""JSON as its standard has it, read by one reader for the runtime and the SDK; and how calls of tools are read."""

import json
import math

from runtime.strict_json import loads, refuse_constant

__all__ = ["CALL_DECODER", "loads"]


def _float_or_digits(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else digits[:20]


# For the arguments of calls that a model wrote. A number too large for a float becomes its digits as text: the call
# stays one, its tool refuses the argument, and the model is told.
CALL_DECODER = json.JSONDecoder(parse_constant=refuse_constant, parse_float=_float_or_digits)
