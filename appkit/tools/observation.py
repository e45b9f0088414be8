"""What a tool returned, as text that a model may read: bounded, and free of what a reader could not see."""

import json
import re
from collections.abc import Iterator
from typing import Any

MAX_BYTES = 64 * 1024  # of UTF-8
MAX_ERROR_BYTES = 2 * 1024

_ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")  # ECMA-48: CSI, OSC
# Controls, bidirectional controls (Unicode's Bidi_Control), tag characters and lone surrogates: they hide text, turn
# it around or cannot be encoded. Each becomes U+FFFD, so that a reader sees that something stood there.
_HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\U000e0000-\U000e007f]"
)


def observed(value: Any) -> str:
    """The text for a value: str as it is, data as compact JSON, and a word where there is nothing to say.

    Raises:
        TypeError: the value is neither text nor data.
        ValueError: bytes that are not text, or data that refers to itself.
    """
    if value is None:
        return "Done; the tool returned nothing."
    if isinstance(value, bytes | bytearray | memoryview):
        return _bytes_text(memoryview(value).cast("B"))
    text = value if isinstance(value, str) else _json(value)
    return bounded(text) if text and not text.isspace() else "The tool returned an empty text."


def bounded(text: str, max_bytes: int = MAX_BYTES) -> str:
    """`text` made harmless; where it is longer than `max_bytes` of UTF-8, its beginning and a line that says so."""
    clean = harmless(text[:max_bytes])  # a character has at least one byte: the rest is never looked at
    data = clean.encode()
    if len(text) <= max_bytes and len(data) <= max_bytes:
        return clean
    kept = data[:max_bytes].decode(errors="ignore")
    return f"{kept}\n[Cut here: these are the first {len(kept):,} of {len(text):,} characters.]"


def harmless(text: str) -> str:
    """`text` without terminal escape sequences, with one kind of line break, and U+FFFD for what cannot be seen."""
    if text.isprintable():
        return text
    plain = _ESCAPE_SEQUENCE.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _HARMFUL.sub("\N{REPLACEMENT CHARACTER}", plain)


def error_text(error: BaseException) -> str:
    """What an exception says, with its type, without a traceback."""
    try:
        message = str(error)
    except Exception:
        message = ""
    kind = type(error).__name__
    return bounded(f"{kind}: {message}" if message else kind, MAX_ERROR_BYTES)


def _bytes_text(data: memoryview) -> str:
    head = bytes(data[:MAX_BYTES])
    if b"\0" in head:
        raise ValueError(f"the tool returned {len(data):,} bytes that are not text.")
    if not head:
        return "The tool returned no bytes."
    text = bounded(head.decode(errors="replace"))
    return text if len(data) <= len(head) else f"{text}\n[Cut here: the tool returned {len(data):,} bytes.]"


def _json(value: Any) -> str:
    from pydantic_core import PydanticSerializationError, to_jsonable_python

    if isinstance(value, Iterator):
        raise TypeError(f"the tool returned a {type(value).__name__}, which may never end; it must return a list.")
    try:
        return json.dumps(to_jsonable_python(value), ensure_ascii=False, separators=(",", ":"))
    except PydanticSerializationError as error:
        raise TypeError(f"the tool returned what is neither text nor data: {error}") from error
