"""`AgentState` as JSON. One that is read may come from anyone, so every value is checked before it is used."""

import json
import math
from collections.abc import Callable
from dataclasses import fields
from typing import Any, NoReturn, TypeVar, get_args

from appkit.agents.state import AgentState, DialectName, OpenCall, Spent
from appkit.messages import Message, ToolCall
from appkit.strict_json import loads
from appkit.tools import ToolResult

FORMAT = "appkit-agent-state"
VERSION = 1
MAX_BYTES = 32 << 20
MAX_MESSAGES = 100_000
MAX_COUNT = 1 << 53
MAX_TOKEN_ID = (1 << 31) - 1
ROLES = ("user", "assistant", "tool")  # instructions are the agent's, so no state brings a system message
_T = TypeVar("_T")


def write_state(state: AgentState) -> str:
    """The state as JSON. Raises ValueError where it is larger than `read_state` takes, or arguments are not JSON."""
    data = {
        "format": FORMAT,
        "version": VERSION,
        "agent": state.agent,
        "dialect": state.dialect,
        "seed": state.seed,
        "tools": dict(state.tools),
        "task_start": state.task_start,
        "messages": [_message_data(message) for message in state.messages],
        "open_calls": [_open_data(each) for each in state.open_calls],
        "spent": {field.name: getattr(state.spent, field.name) for field in fields(Spent)},
    }
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    if len(text) > MAX_BYTES:
        raise ValueError(f"The state takes {len(text):,} bytes; at most {MAX_BYTES:,} are kept. Begin a new task.")
    return text


def read_state(text: str | bytes) -> AgentState:
    """The state in `text`. Raises ValueError: what is wrong and where, in one sentence."""
    size = len(text)
    if size > MAX_BYTES:
        raise ValueError(f"This has {size:,} characters; the state of an agent has at most {MAX_BYTES:,}.")
    try:
        value = loads(text)
    except RecursionError as error:
        raise ValueError("This is no state of an agent: it is nested too deeply.") from error
    except ValueError as error:
        raise ValueError(f"This is no state of an agent: {error}.") from error
    return _state(value)


def _state(value: Any) -> AgentState:
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise ValueError(f'This is no state of an agent: it does not begin with {{"format": "{FORMAT}"}}.')
    if value.get("version") != VERSION or isinstance(value["version"], bool):
        raise ValueError(
            f"The state is of version {value.get('version')!r:.20}, and this build reads version {VERSION}: resume "
            "it with the release that wrote it."
        )
    names = ("format", "version", "agent", "dialect", "seed", "tools", "task_start", "messages", "open_calls", "spent")
    data = _object(value, "the state", names)
    messages = _list(data["messages"], "messages", _message, MAX_MESSAGES)
    state = AgentState(
        agent=_text(data["agent"], "agent"),
        dialect=_one_of(data["dialect"], "dialect", get_args(DialectName)),
        seed=_count(data["seed"], "seed"),
        tools={name: _text(digest, f"tools.{name[:40]}") for name, digest in _mapping(data["tools"], "tools").items()},
        messages=messages,
        task_start=_count(data["task_start"], "task_start"),
        open_calls=_list(data["open_calls"], "open_calls", _open_call, MAX_MESSAGES),
        spent=_spent(data["spent"], "spent"),
    )
    _check_whole(state)
    return state


def _check_whole(state: AgentState) -> None:
    """What must hold between the parts: every call has its result at once after it, or is open."""
    messages = state.messages
    if state.task_start >= len(messages) or messages[state.task_start].role != "user":
        _refuse("task_start", f"is {state.task_start}, which is no message of a user")
    waiting: list[str] = []
    for idx, message in enumerate(messages):
        if message.role == "tool":
            if not waiting or message.tool_call_id != waiting.pop(0):
                _refuse(f"messages[{idx}]", "is the result of a call that was not made before it")
            continue
        if waiting:
            _refuse(f"messages[{idx}]", f"comes where the result of the call {waiting[0][:40]!r} has to be")
        waiting = [call.id for call in message.tool_calls]
    is_open = [each.call.id for each in state.open_calls]
    if waiting != is_open:
        _refuse("open_calls", "are not the calls of the last message, which have no results yet")
    if len(set(is_open)) < len(is_open):
        _refuse("open_calls", "have an id twice")


def _message_data(message: Message) -> dict[str, Any]:
    data: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        data["tool_calls"] = [_call_data(call) for call in message.tool_calls]
    optional = {
        "name": message.name,
        "tool_call_id": message.tool_call_id,
        "token_ids": list(message.token_ids),
    }
    return data | {name: item for name, item in optional.items() if item}


def _message(value: Any, where: str) -> Message:
    data = _object(value, where, ("role", "content"), ("tool_calls", "name", "tool_call_id", "token_ids"))
    role = _one_of(data["role"], f"{where}.role", ROLES)
    calls = _list(data.get("tool_calls", []), f"{where}.tool_calls", _call, MAX_MESSAGES)
    if calls and role != "assistant":
        _refuse(f"{where}.tool_calls", f"are those of the role {role}; only the assistant calls tools")
    return Message(
        role=role,
        content=_text(data["content"], f"{where}.content"),
        tool_calls=calls,
        name=_text(data.get("name", ""), f"{where}.name"),
        tool_call_id=_text(data.get("tool_call_id", ""), f"{where}.tool_call_id"),
        token_ids=_list(data.get("token_ids", []), f"{where}.token_ids", _token_id, MAX_BYTES),
    )


def _call_data(call: ToolCall) -> dict[str, Any]:
    return {"name": call.name, "arguments": dict(call.arguments), "id": call.id}


def _call(value: Any, where: str) -> ToolCall:
    data = _object(value, where, ("name", "arguments", "id"))
    arguments = _mapping(data["arguments"], f"{where}.arguments")
    _text(json.dumps(arguments, ensure_ascii=False), f"{where}.arguments")
    name, call_id = _text(data["name"], f"{where}.name"), _text(data["id"], f"{where}.id")
    if not name or not call_id:
        _refuse(where, "lacks a name or an id")
    return ToolCall(name=name, arguments=arguments, id=call_id)


def _open_data(each: OpenCall) -> dict[str, Any]:
    result = each.result
    shown = None if result is None else {"text": result.text, "is_error": result.is_error, "seconds": result.seconds}
    return {"call": _call_data(each.call), "was_started": each.was_started, "result": shown}


def _open_call(value: Any, where: str) -> OpenCall:
    data = _object(value, where, ("call", "was_started", "result"))
    return OpenCall(
        call=_call(data["call"], f"{where}.call"),
        was_started=_bool(data["was_started"], f"{where}.was_started"),
        result=None if data["result"] is None else _result(data["result"], f"{where}.result"),
    )


def _result(value: Any, where: str) -> ToolResult:
    data = _object(value, where, ("text", "is_error", "seconds"))
    return ToolResult(
        text=_text(data["text"], f"{where}.text"),
        is_error=_bool(data["is_error"], f"{where}.is_error"),
        seconds=_number(data["seconds"], f"{where}.seconds"),
    )


def _spent(value: Any, where: str) -> Spent:
    data = _object(value, where, tuple(field.name for field in fields(Spent)))
    repeats = _mapping(data["repeats"], f"{where}.repeats")
    names = ("steps", "tool_calls", "tokens", "tool_errors", "repairs")
    counts = {name: _count(data[name], f"{where}.{name}") for name in names}
    return Spent(
        **counts,
        seconds=_number(data["seconds"], f"{where}.seconds"),
        repeats={key: _count(item, f"{where}.repeats") for key, item in repeats.items()},
    )


def _object(value: Any, where: str, needed: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    data = _mapping(value, where)
    if missing := [name for name in needed if name not in data]:
        _refuse(where, f"lacks {missing[0]!r}")
    if unknown := [name for name in data if name not in needed and name not in optional]:
        _refuse(where, f"has {unknown[0][:40]!r}, which is not known")
    return data


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        _refuse(where, f"is {_shown(value)}; it must be an object")
    for key in value:
        _text(key, where)
    return value


def _list(value: Any, where: str, read: Callable[[Any, str], _T], most: int) -> tuple[_T, ...]:
    if not isinstance(value, list) or len(value) > most:
        _refuse(where, f"is {_shown(value)}; it must be a list of at most {most:,}")
    return tuple(read(item, f"{where}[{idx}]") for idx, item in enumerate(value))


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        _refuse(where, f"is {_shown(value)}; it must be a text")
    try:
        value.encode()
    except UnicodeEncodeError:
        _refuse(where, "holds half of a character")
    return value


def _one_of(value: Any, where: str, known: tuple[Any, ...]) -> Any:
    if not isinstance(value, str) or value not in known:
        _refuse(where, f"is {_shown(value)}; it must be one of {', '.join(known)}")
    return value


def _bool(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        _refuse(where, f"is {_shown(value)}; it must be true or false")
    return value


def _count(value: Any, where: str, most: int = MAX_COUNT) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        _refuse(where, f"is {_shown(value)}; it must be a whole number from 0 to {most:,}")
    return value


def _token_id(value: Any, where: str) -> int:
    return _count(value, where, MAX_TOKEN_ID)


def _number(value: Any, where: str) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= MAX_COUNT or not math.isfinite(value):
        _refuse(where, f"is {_shown(value)}; it must be a number of seconds")
    return float(value)


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else f"a list of {len(value):,}"
    return repr(value[:40] if isinstance(value, str) else value)[:60]


def _refuse(where: str, what: str) -> NoReturn:
    raise ValueError(f"The state of the agent is damaged: {where} {what}.")
