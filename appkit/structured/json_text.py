"""JSON that a model wrote, read as plain data. Never more than JSON: no NaN, no infinity, no half a character."""

import math
import re
from typing import Any

_FENCED = re.compile(r"```[a-zA-Z]*[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)


def unfenced(text: str) -> str:
    """`text` without white space around it; of a text with Markdown code blocks, what is in the last one."""
    blocks = _FENCED.findall(text)
    return str(blocks[-1] if blocks else text).strip()


def read_json(text: str) -> Any:
    """The data of a JSON text.

    Raises:
        ValueError: it is not JSON, nested too deeply, or holds a number that is none or too large for a float.
    """
    from pydantic_core import from_json

    try:
        data = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise ValueError(f"It is not JSON: {error}.") from error
    if _has_infinity(data):  # 1e999 reads as one
        raise ValueError("It holds a number that is too large.")
    return data


def _has_infinity(data: Any) -> bool:
    """Whether a number in `data`, which is nested at most as deeply as `from_json` reads, is not finite."""
    if isinstance(data, float):
        return not math.isfinite(data)
    if isinstance(data, list):
        return any(map(_has_infinity, data))
    return isinstance(data, dict) and any(map(_has_infinity, data.values()))
