"""Conversations of a data file, checked: who speaks, in what order, and which answers are learnt.

A message is what chat templates read: role, content, tool_calls … ; "train": false (or "weight": 0, as hosted services
spell it) leaves an answer out of the loss, and stays out of the template's sight.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runtime.strict_json import loads, unique_keys

MAX_MESSAGES = 1000  # of a conversation: each answer is encoded with all that comes before it
ROLES = ("system", "user", "assistant", "tool")
_ROLE_OF = {"developer": "system", **{role: role for role in ROLES}}
_SHOWN = ("name", "tool_call_id", "reasoning_content", "thinking", "reasoning")  # besides role, content, tool_calls
# Who may speak after whom; None is the beginning.
_MAY_FOLLOW: Mapping[str | None, tuple[str, ...]] = {
    None: ("system", "user"),
    "system": ("user",),
    "user": ("assistant",),
    "assistant": ("user", "tool"),
    "tool": ("assistant", "tool"),
}


@dataclass(frozen=True, kw_only=True)
class ChatExample:
    """A conversation. `is_trained[i]`: message i is an answer to learn."""

    messages: tuple[Mapping[str, Any], ...]
    is_trained: tuple[bool, ...]
    tools: tuple[Mapping[str, Any], ...] | None = None
    first_number: int = 1  # of the first message as errors count them; 0 for a system message that the line lacks


def read_chat(messages: Any, tools: Any = None) -> ChatExample:
    """The conversation that a line's "messages" and "tools" hold.

    Raises:
        ValueError: what is wrong, as a clause that names the message by its number from 1.
    """
    if not isinstance(messages, list) or not messages:
        raise ValueError('"messages" is not a list of messages')
    if len(messages) > MAX_MESSAGES:
        raise ValueError(f"it has {len(messages):,} messages, and {MAX_MESSAGES:,} are allowed: split it")
    read = [_read_message(message, number) for number, message in enumerate(messages, 1)]
    _check_order(read)
    is_trained = tuple(
        shown["role"] == "assistant" and _is_trained(message, number)
        for number, (shown, message) in enumerate(zip(read, messages, strict=True), 1)
    )
    if not any(is_trained):
        raise ValueError("it has no answer of the assistant to learn from")
    return ChatExample(messages=tuple(read), is_trained=is_trained, tools=_read_tools(tools))


def question_and_answer(question: str, answer: str, *, system: str = "") -> ChatExample:
    """One turn. Raises ValueError for an empty answer."""
    first = [{"role": "system", "content": system}] if system else []
    return read_chat([*first, {"role": "user", "content": question}, {"role": "assistant", "content": answer}])


def _read_message(message: Any, number: int) -> dict[str, Any]:
    if not isinstance(message, dict):
        raise ValueError(f"message {number} is no object with a role and a content")
    role = _ROLE_OF.get(given) if isinstance(given := message.get("role"), str) else None
    if role is None:
        raise ValueError(f"message {number} has the role {_short(given)}; there are {', '.join(ROLES)}")
    shown: dict[str, Any] = {"role": role, "content": _read_content(message.get("content"), number)}
    shown |= {key: _text(message[key], key, number) for key in _SHOWN if message.get(key) is not None}
    if calls := message.get("tool_calls"):
        if role != "assistant":
            raise ValueError(f"message {number} is the {role}'s and has tool_calls, which only the assistant makes")
        shown["tool_calls"] = _read_calls(calls, number)
    elif role == "assistant" and not shown["content"].strip():
        raise ValueError(f"message {number}, an answer, is empty")
    return shown


def _read_content(content: Any, number: int) -> str:
    """Text, or the texts of parts joined; None (beside calls) is the empty text."""
    if content is None:
        return ""
    if isinstance(content, list):
        return "".join(_part(part, number) for part in content)
    return _text(content, "content", number)


def _part(part: Any, number: int) -> str:
    if not isinstance(part, dict) or part.get("type") != "text":
        raise ValueError(f"message {number} has a part that is not text")
    return _text(part.get("text"), "text", number)


def _text(value: Any, key: str, number: int) -> str:
    if not isinstance(value, str):
        raise ValueError(f'"{key}" of message {number} is {_short(value)}, not text')
    return value


def _read_calls(calls: Any, number: int) -> list[dict[str, Any]]:
    """Calls as templates read them: arguments are an object, though many files hold it as JSON text."""
    if not isinstance(calls, list):
        raise ValueError(f'"tool_calls" of message {number} is no list')
    return [_read_call(call, number) for call in calls]


def _read_call(call: Any, number: int) -> dict[str, Any]:
    function = call.get("function", call) if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str) or not function["name"]:
        raise ValueError(f"message {number} has a call without the name of a function")
    arguments = function.get("arguments", {})
    if isinstance(arguments, str):
        try:
            arguments = loads(arguments or "{}", object_pairs_hook=unique_keys)
        except (ValueError, RecursionError):
            arguments = None
    if not isinstance(arguments, dict):
        raise ValueError(f"message {number} calls {_short(function['name'])} with arguments that are no JSON object")
    read = {"type": "function", "function": {"name": function["name"], "arguments": arguments}}
    return {"id": call["id"], **read} if isinstance(call.get("id"), str) else read


def _check_order(messages: Sequence[Mapping[str, Any]]) -> None:
    before: str | None = None
    for number, message in enumerate(messages, 1):
        role: str = message["role"]
        if role not in _MAY_FOLLOW[before]:
            where = "opens the conversation" if before is None else f"comes after one of the {before}"
            allowed = " or ".join(_MAY_FOLLOW[before])
            raise ValueError(
                f"the roles are out of order: message {number}, of the {role}, {where}, where only {allowed} may speak"
            )
        if role == "tool" and before == "assistant" and "tool_calls" not in messages[number - 2]:
            raise ValueError(f"message {number} is a tool's, but message {number - 1} calls none")
        before = role


def _is_trained(message: Mapping[str, Any], number: int) -> bool:
    flags = [message[key] for key in ("train", "weight") if key in message]
    if any(flag not in (True, False) for flag in flags) or len({bool(flag) for flag in flags}) > 1:
        raise ValueError(f'"train" of message {number} is {_short(flags)}; it is true or false')
    return bool(flags[0]) if flags else True


def _read_tools(tools: Any) -> tuple[Mapping[str, Any], ...] | None:
    if tools is None or tools == []:
        return None
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise ValueError('"tools" is no list of function schemas')
    for tool in tools:
        function = tool.get("function", tool)
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise ValueError('"tools" holds a function without a name')
    return tuple(tools)


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}…"
