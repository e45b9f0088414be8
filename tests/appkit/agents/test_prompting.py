"""What the model is shown: it always fits, results stay with their calls, and what was cut is said."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appkit import Limits, Message, ScriptedModel, tool
from appkit.agents import Agent
from appkit.agents.observation import MIN_TOKENS, fit_observation
from tests.helpers.agents import Counted, call, react_answer, react_call

TEXTS = st.text(max_size=40) | st.integers(0, 5000).map(lambda count: "long \n" * count)


@given(texts=st.lists(TEXTS, min_size=1, max_size=12), dialect=st.sampled_from(["tools", "react"]))
@settings(max_examples=40, deadline=None)
def test_prompts_fit_whatever_tools_return(texts: list[str], dialect: Any) -> None:
    results = iter(texts)
    say = call if dialect == "tools" else react_call
    done = "done" if dialect == "tools" else react_answer("done")
    model = ScriptedModel(
        [*(say("read", {"value": str(idx)}) for idx in range(len(texts))), done, done], max_seq_len=2500
    )
    agent = Agent(
        model,
        tools=[Counted().tool("read", lambda value: next(results))],
        dialect=dialect,
        limits=Limits(steps=50, repeats=50),
    )
    result = agent.run("go")  # the model raises for a prompt that does not fit
    assert result.stopped_because in ("answered", "tool_errors")
    for request in model.requests:
        assert isinstance(request.prompt, tuple)
        assert_paired(request.prompt, dialect)


def assert_paired(messages: tuple[Message, ...], dialect: str) -> None:
    """Every call has its result right after it, and no result stands alone."""
    if dialect == "react":
        roles = [message.role for message in messages]
        assert roles == ["system", "user", *["assistant", "user"] * ((len(roles) - 2) // 2)]
        return
    waiting: list[str] = []
    for message in messages:
        if message.role == "tool":
            assert message.tool_call_id == waiting.pop(0)
        else:
            assert waiting == []
            waiting = [each.id for each in message.tool_calls]
    assert waiting == []


def long_run(dialect: Any) -> ScriptedModel:
    say = call if dialect == "tools" else react_call
    done = "done" if dialect == "tools" else react_answer("done")
    model = ScriptedModel([*(say("read", {"value": str(idx)}) for idx in range(20)), done], max_seq_len=3000)
    tools = [Counted().tool("read", lambda value: f"result {value} " + "x" * 300)]
    Agent(model, tools=tools, dialect=dialect, limits=Limits(steps=50)).run("the task")
    return model


@pytest.mark.parametrize("dialect", ["tools", "react"])
def test_the_oldest_steps_are_left_out_and_that_is_said(dialect: Any) -> None:
    last = long_run(dialect).requests[-1].prompt
    assert isinstance(last, tuple)
    assert last[1].content.startswith("the task" if dialect == "tools" else "Question: the task")
    assert "[Left out for want of room: the oldest" in last[1].content
    assert "result 19" in last[-1].content
    assert not any("result 0 " in message.content for message in last)


def test_a_history_that_was_cut_stays_cut_for_some_steps() -> None:
    requests = long_run("tools").requests
    starts = [request.prompt[2].content + str(request.prompt[2].tool_calls) for request in requests[10:]]  # type: ignore[union-attr]
    assert len(set(starts)) < len(starts)


def test_a_result_is_cut_to_what_fits_with_a_mark() -> None:
    model = ScriptedModel(["x"])
    shown = fit_observation("y" * 1000, model, 200)
    assert len(shown) <= 200
    assert shown.startswith("yyy")
    assert shown.endswith("of 1,000 characters.]")
    assert fit_observation("short", model, 200) == "short"


@given(st.text(alphabet=st.characters(), max_size=400), st.integers(1, 300))
@settings(max_examples=100, deadline=None)
def test_a_cut_result_is_never_too_long(text: str, max_tokens: int) -> None:
    shown = fit_observation(text, ScriptedModel(["x"]), max_tokens)
    assert len(shown) <= max(max_tokens, MIN_TOKENS)


def test_results_of_one_step_share_the_room() -> None:
    calls = tuple(call("read", {"value": str(idx)}).tool_calls[0] for idx in range(4))
    model = ScriptedModel([Message(role="assistant", content="", tool_calls=calls), "done"], max_seq_len=4000)
    Agent(model, tools=[Counted().tool("read", lambda value: "x" * 5000)]).run("go")
    results = [message for message in model.requests[1].prompt if message.role == "tool"]  # type: ignore[union-attr]
    assert len(results) == 4
    assert sum(len(message.content) for message in results) <= 1000


def test_a_huge_result_reaches_the_caller_less_cut_than_the_model() -> None:
    model = ScriptedModel([call("read"), "done"])
    result = Agent(model, tools=[tool(lambda: "x" * 10_000, name="read")]).run("go")
    assert len(result.steps[0].results[0].text) == 10_000
    assert len(model.requests[1].prompt[-1].content) <= 2048  # type: ignore[union-attr]
