"""Values made fit for one line of JSON that any reader takes, however odd they are. What is lost is marked."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from appkit.trace.layout import MAX_DEPTH

_MAX_TEXT = 1 << 20  # characters; longer texts are cut, with a mark
_MAX_INTEGER_BITS = 4096  # Python reads no more than 4,300 digits
# JSON allows these bare; a terminal obeys some, some count as line ends, and UTF-8 has no bytes for half a pair.
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def to_line(record: Mapping[str, Any]) -> bytes:
    """`record` as a line of JSON in UTF-8, line break included.

    A text of more than a million characters, or a value nested too deeply, is cut, and a mark in square brackets says
    how much is missing; numbers that JSON does not have become the texts "NaN", "Infinity" and "-Infinity".

    Raises:
        TypeError: a value that is not made of mappings, sequences, texts, numbers, truth values and None.
    """
    text = json.dumps(_plain(record, "the record", 0), ensure_ascii=False, allow_nan=False)
    return (_ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n").encode()


def _plain(value: Any, where: str, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _shortened(value)
    if isinstance(value, int):
        return int(value) if value.bit_length() <= _MAX_INTEGER_BITS else f"{value:#x}"[:_MAX_TEXT]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else json.dumps(float(value))
    if not isinstance(value, Mapping | Sequence) or isinstance(value, bytes | bytearray | memoryview):
        raise TypeError(f"{where} is a {type(value).__name__}, which a trace does not hold: give it as JSON would.")
    if depth == MAX_DEPTH:
        return f"[nested more than {MAX_DEPTH} deep; left out]"
    if isinstance(value, Mapping):
        return {_key(key, where): _plain(item, f"{where}.{key}", depth + 1) for key, item in value.items()}
    return [_plain(item, f"{where}[…]", depth + 1) for item in value]


def _key(key: object, where: str) -> str:
    if not isinstance(key, str):
        raise TypeError(f"{where} has the key {key!r}, a {type(key).__name__}: keys of a trace are texts.")
    return _shortened(key)


def _shortened(text: str) -> str:
    if len(text) <= _MAX_TEXT:
        return str(text)
    return f"{text[:_MAX_TEXT]}[{len(text) - _MAX_TEXT:,} more characters; left out]"
