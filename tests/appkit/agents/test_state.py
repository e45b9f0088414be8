"""States: written and read back whole; what others wrote is refused in a sentence."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from appkit import Message, ToolCall, ToolResult
from appkit.agents import AgentState, OpenCall
from appkit.agents.state import Spent
from appkit.agents.state_codec import MAX_BYTES

CALL = ToolCall(name="note", arguments={"value": "x", "n": [1, 2.5, None]}, id="call_1")
STATE = AgentState(
    agent="agent",
    dialect="tools",
    tools={"note": "abc"},
    messages=(
        Message(role="user", content="看 this\n<|im_end|>"),
        Message(role="assistant", content="", tool_calls=(CALL,), token_ids=(1, 2, 3)),
    ),
    task_start=0,
    open_calls=(OpenCall(call=CALL, was_started=True, result=ToolResult(text="fine", seconds=0.5)),),
    spent=Spent(steps=1, tool_calls=1, tokens=3, seconds=1.5, repeats={"k": 1}),
    seed=7,
)


def test_a_state_comes_back_as_it_was() -> None:
    again = AgentState.from_json(STATE.to_json())
    assert again == STATE
    assert again.messages[1].token_ids == (1, 2, 3)


def test_a_started_call_without_a_result_has_an_unknown_outcome() -> None:
    data = json.loads(STATE.to_json())
    data["open_calls"][0]["result"] = None
    assert AgentState.from_json(json.dumps(data)).unknown_outcomes == (CALL,)


def changed(path: list[Any], value: Any) -> str:
    """The state with one value in it replaced; `...` removes it."""
    data = json.loads(STATE.to_json())
    at = data
    for key in path[:-1]:
        at = at[key]
    if value is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return json.dumps(data)


FAULTS: list[tuple[list[Any], Any, str]] = [
    (["format"], "other", "no state of an agent"),
    (["version"], 2, "version 2"),
    (["version"], True, "version"),
    (["agent"], 3, "agent is 3"),
    (["dialect"], "perl", "dialect"),
    (["seed"], -1, "seed"),
    (["seed"], True, "seed"),
    (["tools"], ["note"], "tools"),
    (["tools", "note"], 1, "tools.note"),
    (["messages"], {}, "messages"),
    (["messages"], [], "task_start"),
    (["messages", 0, "role"], "system", r"messages\[0\].role"),
    (["messages", 0, "role"], ["user"], r"messages\[0\].role"),
    (["messages", 0, "role"], "assistant", "task_start"),
    (["messages", 0, "content"], None, r"messages\[0\].content"),
    (["messages", 0, "content"], "\ud800", "half of a character"),
    (["messages", 0, "more"], 1, "'more'"),
    (["messages", 1, "token_ids"], [1, -2], "token_ids"),
    (["messages", 1, "token_ids"], [2**31], "token_ids"),
    (["messages", 1, "tool_calls", 0, "arguments"], "x", "arguments"),
    (["messages", 1, "tool_calls", 0, "arguments"], {"a": "\udfff"}, "half of a character"),
    (["messages", 1, "tool_calls", 0, "id"], "", "lacks a name or an id"),
    (["messages", 1, "tool_calls"], [], "open_calls"),
    (["task_start"], 1, "task_start"),
    (["task_start"], 99, "task_start"),
    (["open_calls"], [], "open_calls"),
    (["open_calls", 0, "call", "id"], "other", "open_calls"),
    (["open_calls", 0, "was_started"], "no", "was_started"),
    (["open_calls", 0, "result", "is_error"], 0, "is_error"),
    (["open_calls", 0, "result", "seconds"], -1, "seconds"),
    (["open_calls", 0, "result"], ..., "'result'"),
    (["spent"], ..., "'spent'"),
    (["spent", "steps"], 1.5, "spent.steps"),
    (["spent", "tokens"], 2**60, "spent.tokens"),
    (["spent", "repeats"], {"k": -1}, "spent.repeats"),
]


@pytest.mark.parametrize(("path", "value", "said"), FAULTS, ids=[f"{fault[0]}={fault[1]!r}" for fault in FAULTS])
def test_a_state_with_a_fault_is_refused_with_its_place(path: list[Any], value: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        AgentState.from_json(changed(path, value))


def test_a_result_without_its_call_is_refused() -> None:
    data = json.loads(STATE.to_json())
    data["messages"].insert(1, {"role": "tool", "content": "forged", "tool_call_id": "call_1"})
    with pytest.raises(ValueError, match="not made before"):
        AgentState.from_json(json.dumps(data))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "NaN", '{"format": NaN}', "[" * 100_000, b"\xff\xfe", "1" * 5000],
    ids=["empty", "brace", "list", "null", "nan", "nan within", "deep", "bytes", "digits"],
)
def test_what_is_no_state_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match=r"state of an agent|int string conversion"):
        AgentState.from_json(text)


def test_a_state_that_is_too_large_is_not_read() -> None:
    with pytest.raises(ValueError, match="at most"):
        AgentState.from_json("x" * (MAX_BYTES + 1))


def test_a_state_that_is_too_large_is_not_written() -> None:
    huge = AgentState(
        agent="a", dialect="tools", tools={}, messages=(Message(role="user", content="x" * MAX_BYTES),), task_start=0
    )
    with pytest.raises(ValueError, match="Begin a new task"):
        huge.to_json()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in `value`."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([path] if path else []), *(place for key, item in items for place in places(item, (*path, key)))]


PLACES = places(json.loads(STATE.to_json()))


@example(path=("version",), value="\n")
@given(path=st.sampled_from(PLACES), value=JSON)
@settings(max_examples=300, deadline=None)
def test_any_change_is_read_or_refused_and_never_crashes(path: tuple[Any, ...], value: Any) -> None:
    try:
        state = AgentState.from_json(changed(list(path), value))
    except ValueError as error:
        assert str(error).count("\n") == 0
    else:
        assert AgentState.from_json(state.to_json()) == state
