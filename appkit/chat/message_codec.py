"""Messages to what a store keeps, and back; the hashes that tie them together.

A body is a message without the ids it was generated with: role, text, and the rest as JSON where there is any. Its
hash covers these very bytes. A node of the tree is a body said after a parent: its hash covers the parent's hash, the
body's and the ids, so the hash of a head covers every message before it.

Text is kept as it is or, where that is shorter, deflated; ids as LEB128, two bytes for most of a vocabulary.
"""

import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from appkit.messages import Message, Role, ToolCall

MAX_MESSAGE_BYTES = 16 << 20  # more than any model reads at once; bounds what a forged file can inflate to
MAX_TOKEN_ID = (1 << 31) - 1
ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool")  # stored as their place here
HASH_LEN = 32


class BadRecordError(Exception):
    """What is stored is not what was written; the store says where."""


@dataclass(frozen=True)
class Body:
    """A message as stored. `text` is str as it is, bytes deflated; `extra` is JSON, None where there is no more."""

    role: int
    text: str | bytes
    extra: str | None
    sha256: bytes


def to_body(message: Message) -> Body:
    """The body of `message`.

    Raises:
        ValueError: the role is none of ours, the text cannot be written as UTF-8 or is too long, a tool call's
            arguments are not JSON.
    """
    if message.role not in ROLES:
        raise ValueError(f"A message has the role {message.role!r}; it can be {', '.join(ROLES)}.")
    check_text(message.content, "message's content")
    content = message.content.encode()
    extra = _extra_json(message)
    if (size := len(content) + len(extra or "")) > MAX_MESSAGE_BYTES:
        raise ValueError(f"A message of {size:,} bytes is too long to keep: a store takes {MAX_MESSAGE_BYTES:,}.")
    role = ROLES.index(message.role)
    deflated = zlib.compress(content, 9)
    text = deflated if len(deflated) < len(content) else message.content
    return Body(role, text, extra, _hash_body(role, content, extra))


def from_body(role: int, text: str | bytes, extra: str | None, token_ids: tuple[int, ...]) -> tuple[Message, bytes]:
    """The message again, and the hash of its body, for the caller to check.

    Raises:
        BadRecordError: this is not what `to_body` made.
    """
    content = content_of(text)
    if role not in range(len(ROLES)):
        raise BadRecordError(f"a message has the role {role!r}")
    rest = _extra_fields(extra)
    return (
        Message(role=ROLES[role], content=content, token_ids=token_ids, **rest),
        _hash_body(role, content.encode(), extra),
    )


def content_of(text: str | bytes) -> str:
    """A body's text in plain. Raises BadRecordError where it is none."""
    if isinstance(text, str):
        return text
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(text, MAX_MESSAGE_BYTES)
    except (zlib.error, TypeError) as error:
        raise BadRecordError("a text does not inflate") from error
    if not inflater.eof:
        raise BadRecordError(f"a text is cut off, or longer than {MAX_MESSAGE_BYTES:,} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise BadRecordError("a text is not UTF-8") from error


def hash_of(role: int, text: str | bytes, extra: str | None) -> bytes:
    """Hash of a stored body. Raises BadRecordError as `from_body` does."""
    return from_body(role, text, extra, ())[1]


def check_text(text: str, what: str) -> None:
    """Raise ValueError for what cannot be stored, TypeError for what is no text."""
    if not isinstance(cast(object, text), str):
        raise TypeError(f"The {what} is {type(text).__name__}; it must be a text.")
    if len(_utf8(text)) > MAX_MESSAGE_BYTES:
        raise ValueError(f"The {what} has {len(text):,} characters: too long to keep.")


def hash_node(parent: bytes, body: bytes, ids: bytes) -> bytes:
    """Hash of a node; `parent` is b"" before the first message."""
    return hashlib.sha256(parent.rjust(HASH_LEN, b"\0") + body + ids).digest()


def pack_ids(token_ids: Sequence[int]) -> bytes:
    """LEB128: seven bits a byte, the lowest first, the top bit where more follow.

    Raises:
        ValueError: an id is negative or beyond 31 bits.
    """
    packed = bytearray()
    for token_id in token_ids:
        if not isinstance(token_id, int) or not 0 <= token_id <= MAX_TOKEN_ID:
            raise ValueError(f"{token_id!r} is no token id: those are whole numbers from 0 to {MAX_TOKEN_ID:,}.")
        while token_id > 0x7F:
            packed.append(token_id & 0x7F | 0x80)
            token_id >>= 7
        packed.append(token_id)
    return bytes(packed)


def unpack_ids(packed: bytes) -> tuple[int, ...]:
    """What `pack_ids` packed. The last id of bytes that were cut off is left out: their hash says that they were."""
    ids: list[int] = []
    value = shift = 0
    for byte in packed:
        if byte < 0x80:
            ids.append(value | byte << shift)
            value = shift = 0
        else:
            value |= (byte & 0x7F) << shift
            shift += 7
    return tuple(ids)


def _hash_body(role: int, content: bytes, extra: str | None) -> bytes:
    rest = b"" if extra is None else extra.encode()
    return hashlib.sha256(bytes([role]) + len(content).to_bytes(8, "big") + content + rest).digest()


def _extra_fields(extra: str | None) -> dict[str, Any]:
    """Fields of a message that few have."""
    if extra is None:
        return {}
    try:
        fields = dict(json.loads(extra))
        calls = tuple(ToolCall(name=str(n), arguments=dict(a), id=str(i)) for n, a, i in fields.get("tool_calls", ()))
        return {**{key: str(fields.get(key, "")) for key in ("name", "tool_call_id")}, "tool_calls": calls}
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        raise BadRecordError("a message's tool calls cannot be read") from error


def _extra_json(message: Message) -> str | None:
    extra: dict[str, Any] = {}
    if message.tool_calls:
        extra["tool_calls"] = [[call.name, _plain(call.arguments), call.id] for call in message.tool_calls]
    if message.name:
        extra["name"] = message.name
    if message.tool_call_id:
        extra["tool_call_id"] = message.tool_call_id
    if not extra:
        return None
    try:
        written = json.dumps(extra, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"A tool call's arguments cannot be written as JSON: {error}.") from error
    _utf8(written)
    return written


def _plain(arguments: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(cast(object, arguments), Mapping):
        raise ValueError(f"A tool call's arguments are {type(arguments).__name__}; they must be a mapping.")
    return dict(arguments)


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"A text to be stored holds {text[error.start]!r} at character {error.start}, half of a character: leave "
            'it out, or read the input with errors="replace".'
        ) from error
