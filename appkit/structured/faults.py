"""What is wrong with a value, in a sentence for the model that wrote it."""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

MAX_FAULTS = 5
MAX_SHOWN = 80  # characters of a value


def sentence_of(error: "ValidationError") -> str:
    """The first faults that pydantic found, each with its place and the value there."""
    faults = error.errors(include_url=False, include_context=False)
    more = [f"There are {len(faults) - MAX_FAULTS} more faults."] if len(faults) > MAX_FAULTS else []
    return " ".join([*map(_sentence, faults[:MAX_FAULTS]), *more])


def shown(value: object) -> str:
    """A value as JSON where it is JSON, cut where it is long."""
    text = ""
    try:
        for piece in json.JSONEncoder(ensure_ascii=False).iterencode(value):  # a long value is not written whole
            text += piece
            if len(text) > MAX_SHOWN:
                break
    except (TypeError, ValueError, RecursionError):
        text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def place_of(parts: tuple[int | str, ...]) -> str:
    """`tags[2].name`; "The value" for the whole."""
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "The value"


def _sentence(fault: "ErrorDetails") -> str:
    place = place_of(fault["loc"])
    if fault["type"] == "missing":
        return f"{place} is missing."
    if fault["type"] == "extra_forbidden":
        return f"{place} is not asked for."
    return f"{place} is {shown(fault['input'])}: {fault['msg'].removeprefix('Value error, ').rstrip('.')}."
