"""What a YAML text without quotes stands for, where YAML is narrowed to what JSON has: `no` is text, a date is text."""

import math
import re

_WHOLE = re.compile(r"[-+]?[0-9]+", re.ASCII)
_REAL = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)


def plain_scalar(text: str) -> str | int | float | bool | None:
    """The value, by the core schema of YAML 1.2, its octal and hexadecimal numbers aside.

    Raises:
        ValueError: a whole number of more digits than Python reads.
    """
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if _WHOLE.fullmatch(text):
        return int(text)
    if _REAL.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text
