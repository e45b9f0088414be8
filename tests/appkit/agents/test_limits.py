"""Limits: each ends a run where it says, not a step sooner or later, with a result."""

import time
from typing import Any

import pytest

from appkit import GenerationSettings, Limits, Message, ScriptedModel
from appkit.agents import Agent
from tests.helpers.agents import Counted, Said, call, react_answer, react_call, scripted_agent

FIELDS = ["steps", "tool_calls", "tokens", "seconds", "repeats"]


@pytest.mark.parametrize("value", [0, -1, True, "3", float("nan"), float("inf")], ids=str)
@pytest.mark.parametrize("name", FIELDS)
def test_a_limit_that_is_no_number_above_0_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"Limits\.{name}"):
        Limits(**{name: value})


@pytest.mark.parametrize("name", [name for name in FIELDS if name != "seconds"])
def test_a_count_is_a_whole_number(name: str) -> None:
    with pytest.raises(ValueError, match="whole number"):
        Limits(**{name: 1.5})


def numbered(count: int) -> list[Said]:
    """So many different calls, then an answer, then the closing answer."""
    return [*(call("note", {"value": str(idx)}) for idx in range(count)), "the answer", "a closing answer"]


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_steps_that_are_enough_lead_to_the_answer(steps: int) -> None:
    agent = scripted_agent(numbered(steps - 1), [Counted().tool("note")], limits=Limits(steps=steps))
    result = agent.run("go")
    assert (result.stopped_because, result.output, len(result.steps)) == ("answered", "the answer", steps)


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_one_step_too_few_ends_with_a_closing_answer(steps: int) -> None:
    counted = Counted()
    model = ScriptedModel([*numbered(steps)[:steps], "closing"])
    result = Agent(model, tools=[counted.tool("note")], limits=Limits(steps=steps)).run("go")
    assert (result.stopped_because, result.text, result.is_complete) == ("steps", "closing", False)
    assert len(counted.calls) == steps
    assert [request.tool_choice for request in model.requests] == [*["auto"] * steps, "none"]


@pytest.mark.parametrize("tool_calls", [1, 2, 3])
def test_as_many_calls_are_made_as_allowed(tool_calls: int) -> None:
    for wanted, reason in ((tool_calls, "answered"), (tool_calls + 1, "tool_calls")):
        counted = Counted()
        agent = scripted_agent(numbered(wanted), [counted.tool("note")], limits=Limits(tool_calls=tool_calls))
        result = agent.run("go")
        assert (result.stopped_because, len(counted.calls)) == (reason, tool_calls)


@pytest.mark.parametrize("repeats", [1, 2, 3])
def test_the_same_call_is_made_as_often_as_allowed(repeats: int) -> None:
    for times, reason in ((repeats, "answered"), (repeats + 1, "repeats")):
        counted = Counted()
        said: list[Said] = [*[call("note", {"value": "same"})] * times, "the answer", "closing"]
        result = scripted_agent(said, [counted.tool("note")], limits=Limits(repeats=repeats)).run("go")
        assert (result.stopped_because, len(counted.calls)) == (reason, repeats)


def test_calls_differ_where_their_arguments_do() -> None:
    result = scripted_agent(numbered(5), [Counted().tool("note")], limits=Limits(repeats=1)).run("go")
    assert result.is_complete


@pytest.mark.parametrize("tokens", [1, 15, 16, 40, 63, 64, 100, 1000])
def test_no_run_writes_more_tokens_than_allowed(tokens: int) -> None:
    said = [react_call("note", {"value": str(idx)}) for idx in range(50)]  # a token a character
    agent = Agent(
        ScriptedModel(said), tools=[Counted().tool("note")], dialect="react", limits=Limits(tokens=tokens, steps=8)
    )
    result = agent.run("go")
    assert result.usage.completion_tokens <= tokens
    assert result.stopped_because in ("tokens", "format", "steps")


def test_tokens_are_kept_for_a_closing_answer() -> None:
    said = [react_call("note", {"value": str(idx)}) for idx in range(3)]
    counted = Counted()
    tokens = sum(map(len, said)) + 40
    agent = scripted_agent(
        [*said, react_answer("so far")], [counted.tool("note")], dialect="react", limits=Limits(tokens=tokens)
    )
    result = agent.run("go")
    assert result.usage.completion_tokens <= tokens
    assert (result.stopped_because, result.text) == ("tokens", "so far")


def test_a_step_writes_no_more_than_its_own_limit() -> None:
    model = ScriptedModel(["x" * 500])
    result = Agent(model, settings=GenerationSettings(max_tokens=20)).run("go")
    assert model.requests[0].settings.max_tokens == 20
    assert (result.stopped_because, result.text) == ("tokens", "x" * 20)  # cut, and said so


@pytest.mark.parametrize("max_tokens", [2, 5])
def test_a_step_may_be_as_short_as_its_settings_say(max_tokens: int) -> None:
    result = Agent(ScriptedModel(["7"]), settings=GenerationSettings(max_tokens=max_tokens)).run("go")
    assert (result.stopped_because, result.text) == ("answered", "7")


def test_seconds_bound_a_tool_that_hangs() -> None:
    tool = Counted().tool("hang", lambda value: time.sleep(30))
    started = time.monotonic()
    result = scripted_agent([call("hang"), "closing"], [tool], limits=Limits(seconds=0.5)).run("go")
    assert time.monotonic() - started < 5
    assert (result.stopped_because, result.text) == ("seconds", "closing")
    assert "no result" in result.steps[0].results[0].text


def test_seconds_that_were_spent_before_count_on() -> None:
    counted = Counted()
    agent = scripted_agent(
        [call("gated"), call("note"), "closing"],
        [counted.tool("gated", needs_approval=True), counted.tool("note")],
        limits=Limits(tool_calls=1),
    )
    waiting = agent.run("go")
    assert waiting.state is not None
    assert waiting.state.spent.steps == 1
    result = agent.resume(waiting.state, {waiting.pending[0].id: True})
    assert (result.stopped_because, counted.calls) == ("tool_calls", [("gated", {"value": ""})])


@pytest.mark.parametrize("dialect", ["tools", "react"])
def test_three_errors_in_a_row_end_the_run(dialect: Any) -> None:
    def fail(value: str) -> str:
        raise RuntimeError("no")

    say = call if dialect == "tools" else react_call
    done = "closing" if dialect == "tools" else react_answer("closing")
    said: list[Said] = [say("bad", {"value": str(idx)}) for idx in range(3)]
    result = scripted_agent([*said, done], [Counted().tool("bad", fail)], dialect=dialect).run("go")
    assert (result.stopped_because, result.text, len(result.steps)) == ("tool_errors", "closing", 4)


def test_errors_that_are_not_in_a_row_do_not_count_together() -> None:
    def fail_on_odd(value: str) -> str:
        if int(value) % 2:
            raise RuntimeError("no")
        return "fine"

    result = scripted_agent(numbered(8), [Counted().tool("note", fail_on_odd)]).run("go")
    assert result.is_complete


def test_calls_beyond_those_of_a_step_are_refused_and_answered() -> None:
    counted = Counted()
    many = [call("note", {"value": str(idx)}).tool_calls[0] for idx in range(11)]
    agent = scripted_agent(
        [Message(role="assistant", content="", tool_calls=tuple(many)), "ok"], [counted.tool("note")]
    )
    result = agent.run("go")
    assert len(counted.calls) == 8
    assert len(result.steps[0].results) == 11
    assert result.stopped_because == "tool_errors"
