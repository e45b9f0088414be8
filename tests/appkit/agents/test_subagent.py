"""An agent as a tool: its work counts within the caller's limits, and nothing gated hides in it."""

import time
from typing import Any

import pytest

from appkit import Limits, ScriptedModel, tool
from appkit.agents import Agent, StepFinished, SubagentEvent, TextDelta
from tests.helpers.agents import Counted, call, react_call, scripted_agent

TASK = {"task": "look it up"}


def helper(*said: Any, **options: Any) -> Agent:
    return Agent(ScriptedModel(said), name="helper", description="Looks things up.", **options)


def test_its_answer_is_the_result_of_the_call() -> None:
    model = ScriptedModel([call("helper", TASK), "done"])
    result = Agent(model, tools=[helper("It is blue.").as_tool()]).run("go")
    assert (result.text, result.steps[0].results[0].text) == ("done", "It is blue.")
    assert model.requests[0].tools[0].description == "Looks things up."


def test_its_events_come_within_those_of_the_call() -> None:
    sub = helper(call("note", {"value": "1"}), "blue", tools=[Counted().tool("note")])
    agent = scripted_agent([call("helper", TASK), "done"], [sub.as_tool()])
    inner = [event.event for event in agent.stream("go") if isinstance(event, SubagentEvent)]
    assert sum(isinstance(event, StepFinished) for event in inner) == 2
    assert "".join(event.text for event in inner if isinstance(event, TextDelta)) == "blue"


def test_what_it_takes_counts_for_the_caller() -> None:
    counted = Counted()
    sub = helper(call("note", {"value": "1"}), "blue", tools=[counted.tool("note")])
    result = scripted_agent([call("helper", TASK), "done"], [sub.as_tool()]).run("go")
    assert result.state is not None
    spent = result.state.spent
    assert (spent.steps, spent.tool_calls, spent.tokens) == (4, 2, len("blue") + len("done"))
    assert result.usage.completion_tokens == len("blue") + len("done")


@pytest.mark.parametrize(
    ("limits", "reason"),
    [(Limits(steps=3), "steps"), (Limits(tool_calls=3), "tool_calls"), (Limits(tokens=600), "tokens")],
    ids=["steps", "tool calls", "tokens"],
)
def test_it_cannot_take_more_than_the_caller_has(limits: Limits, reason: str) -> None:
    def forever(prompt: Any) -> str:
        return react_call("note", {"value": str(len(str(prompt)))})

    sub = Agent(ScriptedModel(forever), name="helper", tools=[Counted().tool("note")], dialect="react")
    result = Agent(
        ScriptedModel(lambda prompt: react_call("helper", {"task": str(len(str(prompt)))})),
        tools=[sub.as_tool()],
        dialect="react",
        limits=limits,
    ).run("go")
    assert result.stopped_because == reason
    assert result.state is not None
    spent = result.state.spent
    assert spent.steps <= limits.steps
    assert spent.tool_calls <= limits.tool_calls
    assert spent.tokens <= limits.tokens
    assert result.usage.completion_tokens <= limits.tokens


def test_its_seconds_are_the_callers() -> None:
    sub = helper(call("hang"), "late", tools=[tool(lambda: time.sleep(30), name="hang")])
    started = time.monotonic()
    result = scripted_agent([call("helper", TASK), "done"], [sub.as_tool()], limits=Limits(seconds=0.6)).run("go")
    assert time.monotonic() - started < 5
    assert result.steps[0].results[0].text == "late\n[It stopped early, for want of an answer: seconds.]"


def test_cancelling_the_caller_ends_its_work() -> None:
    agent = scripted_agent([call("helper", TASK), "done"], [helper("a long answer").as_tool()])
    with agent.stream("go") as stream:
        for event in stream:
            if isinstance(event, SubagentEvent) and isinstance(event.event, TextDelta):
                stream.cancel()
        result = stream.result()
    assert result.stopped_because == "cancelled"


def test_a_tool_that_needs_a_person_is_refused_in_it() -> None:
    gated = Counted().tool("send", needs_approval=True)
    with pytest.raises(ValueError, match=r"need approval \(send\)"):
        helper("x", tools=[gated]).as_tool()
    deep = helper("x", tools=[Agent(ScriptedModel(["x"]), name="inner").as_tool()])
    assert deep.as_tool().name == "helper"


def test_without_a_model_of_its_own_it_has_the_callers() -> None:
    model = ScriptedModel([call("helper", TASK), "blue", "done"])
    sub = Agent(name="helper", dialect="tools")
    assert Agent(model, tools=[sub.as_tool()]).run("go").text == "done"
    assert model.requests[1].prompt[-1].content == "look it up"  # type: ignore[union-attr]


def test_called_without_an_agent_it_gives_its_answer() -> None:
    assert helper("blue").as_tool().run(TASK).text == "blue"
    assert helper("blue").as_tool().run({}).is_error


@pytest.mark.parametrize("arguments", [{}, {"task": ""}, {"task": 3}, {"task": "x", "more": 1}], ids=repr)
def test_arguments_that_are_no_task_are_told(arguments: dict[str, Any]) -> None:
    result = scripted_agent([call("helper", arguments), "done"], [helper("blue").as_tool()]).run("go")
    assert result.steps[0].results[0].is_error
    assert result.text == "done"


def test_one_that_stops_early_says_so() -> None:
    sub = helper(call("note"), "so far", tools=[Counted().tool("note")], limits=Limits(steps=1))
    result = scripted_agent([call("helper", TASK), "done"], [sub.as_tool()]).run("go")
    assert result.steps[0].results[0].text == "so far\n[It stopped early, for want of an answer: steps.]"


def test_a_name_that_no_tool_can_have_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be the name of a tool"):
        Agent(ScriptedModel(["x"]), name="my helper").as_tool()


def test_a_task_that_does_not_fit_it_is_told_to_the_caller() -> None:
    small = Agent(ScriptedModel(["x"], max_seq_len=600), name="helper")
    said = [call("helper", {"task": "x" * 700}), "done"]
    result = scripted_agent(said, [small.as_tool()]).run("go")
    assert (result.text, result.steps[0].results[0].is_error) == ("done", True)
