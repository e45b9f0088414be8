"""A conversation as JSON Lines: one about it, then one a message. What is read was written by anyone.

    {"conversation": 1, "title": "…", "model": "…", "system": null}
    {"role": "user", "content": "…"}
    {"role": "assistant", "content": "…", "token_ids": [57, 19], "tool_calls": [{"name": "…", "arguments": {}}]}

Ids that come from elsewhere do no harm: a model uses them only where they decode to the content.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

from appkit.chat.conversation import Conversation
from appkit.chat.message_codec import MAX_MESSAGE_BYTES, MAX_TOKEN_ID, ROLES
from appkit.errors import ConversationError
from appkit.messages import Message, ToolCall
from appkit.strict_json import loads
from runtime.files import write_atomic

VERSION = 1
MAX_LINE_CHARACTERS = 2 * MAX_MESSAGE_BYTES
MAX_MESSAGES = 1_000_000

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Head:
    """The first line: what a conversation is apart from its messages."""

    title: str = ""
    model: str
    system: str | None = None


def write(conversation: Conversation, messages: Sequence[Message], file: Path | IO[str]) -> None:
    """Write a conversation to an open text file, or to a path, which appears whole or not at all."""
    head = {"conversation": VERSION, "title": conversation.title, "model": conversation.model}
    lines = [_to_line({**head, "system": conversation.system}), *map(_message_line, messages)]
    if not isinstance(file, Path):
        file.writelines(lines)
        return
    try:
        with write_atomic(file) as out:
            out.writelines(line.encode() for line in lines)
    except OSError as error:
        raise ConversationError(f"{file} cannot be written: {error.strerror or error}.") from error


def read(file: Path | IO[str]) -> tuple[Head, list[Message]]:
    """A conversation from a path or an open text file.

    Raises:
        ConversationError: naming the line and what is wrong with it.
    """
    name = str(file) if isinstance(file, Path) else str(getattr(file, "name", "the input"))
    try:
        with file.open(encoding="utf-8") if isinstance(file, Path) else nullcontext(file) as opened:
            lines = _lines(opened, name)
            first = next(lines, None)
            if first is None:
                raise ConversationError(f"{name} is empty: there is no conversation in it.")
            head = _read_line(first, name, _to_head)
            return head, [_read_line(line, name, _to_message) for line in lines]
    except OSError as error:
        raise ConversationError(f"{name} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise ConversationError(f"{name} is not UTF-8 text (byte {error.start}): convert it first.") from error


def _to_line(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, separators=(", ", ": ")) + "\n"


def _message_line(message: Message) -> str:
    record: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        record["tool_calls"] = [
            {"name": c.name, "arguments": dict(c.arguments), "id": c.id} for c in message.tool_calls
        ]
    optional = {"name": message.name, "tool_call_id": message.tool_call_id, "token_ids": list(message.token_ids)}
    return _to_line({**record, **{key: value for key, value in optional.items() if value}})


def _lines(file: IO[str], name: str) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, with their numbers; none of them longer than can be meant."""
    number = num_given = 0
    while line := file.readline(MAX_LINE_CHARACTERS + 1):
        number += 1
        if len(line) > MAX_LINE_CHARACTERS:
            raise ConversationError(f"Line {number} of {name} has more than {MAX_LINE_CHARACTERS:,} characters.")
        if line.strip():
            num_given += 1
            if num_given > MAX_MESSAGES:
                raise ConversationError(f"{name} has more than {MAX_MESSAGES:,} messages.")
            yield number, line


def _read_line(line: tuple[int, str], name: str, convert: Callable[[dict[str, Any]], _T]) -> _T:
    number, text = line
    try:
        record = loads(text)
        if not isinstance(record, dict):
            raise ValueError(f"it is {type(record).__name__}, not a JSON object")
        return convert(record)
    except RecursionError as error:
        raise ConversationError(f"Line {number} of {name}: its brackets are nested too deeply.") from error
    except ValueError as error:  # malformed JSON raises one too
        raise ConversationError(f"Line {number} of {name}: {error}.") from error


def _to_head(record: dict[str, Any]) -> Head:
    if "conversation" not in record:
        raise ValueError('the first line must be about the conversation: {"conversation": 1, "model": "…"}')
    _refuse_unknown(record, ("conversation", "title", "model", "system"))
    if record["conversation"] != VERSION or isinstance(record["conversation"], bool):
        raise ValueError(f"it has format {record['conversation']!r}; this build reads format {VERSION}")
    system = record.get("system")
    return Head(
        title=_text(record, "title", ""),
        model=_text(record, "model"),
        system=None if system is None else _text(record, "system"),
    )


def _to_message(record: dict[str, Any]) -> Message:
    _refuse_unknown(record, ("role", "content", "tool_calls", "name", "tool_call_id", "token_ids"))
    role = _text(record, "role")
    if role not in ROLES:
        raise ValueError(f"role is {role!r}; it can be {', '.join(ROLES)}")
    return Message(
        role=role,
        content=_text(record, "content"),
        tool_calls=tuple(map(_to_call, _list(record, "tool_calls"))),
        name=_text(record, "name", ""),
        tool_call_id=_text(record, "tool_call_id", ""),
        token_ids=tuple(map(_to_token_id, _list(record, "token_ids"))),
    )


def _to_call(value: Any) -> ToolCall:
    if not isinstance(value, dict):
        raise ValueError(f"a tool call is {type(value).__name__}, not a JSON object")
    _refuse_unknown(value, ("name", "arguments", "id"))
    arguments = value.get("arguments")
    if not isinstance(arguments, dict):
        raise ValueError(f"arguments of a tool call is {type(arguments).__name__}, not a JSON object")
    return ToolCall(name=_text(value, "name"), arguments=arguments, id=_text(value, "id", ""))


def _to_token_id(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_TOKEN_ID:
        raise ValueError(f"token_ids holds {str(value)[:40]!r}; ids are whole numbers from 0 to {MAX_TOKEN_ID:,}")
    return value


def _text(record: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = record.get(key, default)
    if not isinstance(value, str):
        raise ValueError(f"{key} is {'missing' if key not in record else type(value).__name__}; it must be a text")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise ValueError(f"{key} holds half of a character ({value[:40]!r})") from None
    if size > MAX_MESSAGE_BYTES:
        raise ValueError(f"{key} has {size:,} bytes; a store takes {MAX_MESSAGE_BYTES:,}")
    return value


def _list(record: Mapping[str, Any], key: str) -> list[Any]:
    value = record.get(key, [])
    if not isinstance(value, list):
        raise ValueError(f"{key} is {type(value).__name__}; it must be a list")
    return value


def _refuse_unknown(record: Mapping[str, Any], known: Sequence[str]) -> None:
    unknown = [key for key in record if key not in known]
    if unknown:
        raise ValueError(f"unknown key {unknown[0][:80]!r}; known are {', '.join(known)}")
