"""Approvals: a gated tool is never called before a person allowed it, in whatever process that is."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from appkit import Message, ScriptedModel, tool
from appkit.agents import Agent, AgentState, ApprovalRequired, ToolStarted
from tests.helpers.agents import Counted, call, react_answer, react_call, scripted_agent


def two_calls() -> Message:
    """An open call, a gated one, an open one."""
    calls = [call("free", {"value": "1"}), call("gated", {"value": "2"}), call("free", {"value": "3"})]
    return Message(role="assistant", content="", tool_calls=tuple(each.tool_calls[0] for each in calls))


def waiting(counted: Counted, *after: Any) -> tuple[Agent, AgentState]:
    agent = scripted_agent([two_calls(), *after], [counted.tool("free"), counted.tool("gated", needs_approval=True)])
    result = agent.run("go")
    assert (result.stopped_because, result.output) == ("approval", None)
    assert [each.name for each in result.pending] == ["gated"]
    assert result.state is not None
    return agent, result.state


def test_a_gated_call_waits_and_those_after_it_too() -> None:
    counted = Counted()
    _, state = waiting(counted)
    assert counted.calls == [("free", {"value": "1"})]
    assert [each.result is not None for each in state.open_calls] == [True, False, False]


def test_an_approved_call_is_made_once_and_the_run_goes_on() -> None:
    counted = Counted()
    agent, state = waiting(counted, "done")
    result = agent.resume(AgentState.from_json(state.to_json()), {"call_2": True})
    assert (result.text, result.stopped_because) == ("done", "answered")
    assert [value["value"] for _, value in counted.calls] == ["1", "2", "3"]
    assert [call.name for call in result.steps[0].calls] == ["free", "gated", "free"]


def test_a_refused_call_is_not_made_and_the_model_is_told() -> None:
    counted = Counted()
    agent, state = waiting(counted, "done")
    result = agent.resume(state, {"call_2": False})
    assert [name for name, _ in counted.calls] == ["free", "free"]
    assert "refused" in result.steps[0].results[1].text


def test_changed_arguments_are_used_and_the_model_is_told() -> None:
    counted = Counted()
    agent, state = waiting(counted, "done")
    result = agent.resume(state, {"call_2": {"value": "other"}})
    assert ("gated", {"value": "other"}) in counted.calls
    assert result.state is not None
    told = next(message for message in result.state.messages if message.tool_call_id == "call_2")
    assert told.content.startswith('[A person changed the arguments to {"value": "other"}.]')


def test_an_approval_is_for_one_call_and_not_for_whoever_takes_its_id() -> None:
    counted = Counted()
    said = [call("gated", {"value": "1"}, id="x"), call("gated", {"value": "2"}, id="x"), "done"]
    agent = scripted_agent(said, [counted.tool("gated", needs_approval=True)])
    state = agent.run("go").state
    assert state is not None
    again = agent.resume(state, {"x": True})
    assert again.stopped_because == "approval"
    assert counted.calls == [("gated", {"value": "1"})]
    assert again.pending[0].id != "x"


BAD: list[tuple[Mapping[str, Any], type[Exception], str]] = [
    ({}, ValueError, "'call_2' of gated waits"),
    ({"call_9": True}, ValueError, "No call 'call_9' waits"),
    ({"call_2": True, "call_3": True}, ValueError, "No call 'call_3' waits"),
    ({"call_2": None}, TypeError, "NoneType"),
    ({"call_2": "yes"}, TypeError, "str"),
    ({"call_2": {"wrong": 1}}, ValueError, "do not fit gated"),
    ({"call_2": {"value": 3}}, ValueError, "do not fit gated"),
    ({"call_2": {"value": object()}}, ValueError, "not JSON"),
    ({"call_2": {"value": "x" * (1 << 21)}}, ValueError, "characters"),
]


@pytest.mark.parametrize(("approvals", "kind", "said"), BAD, ids=[said for _, _, said in BAD])
def test_approvals_that_do_not_fit_are_refused_before_anything_is_done(
    approvals: Mapping[str, Any], kind: type[Exception], said: str
) -> None:
    counted = Counted()
    agent, state = waiting(counted)
    counted.calls.clear()
    with pytest.raises(kind, match=said):
        agent.resume(state, approvals)
    assert counted.calls == []


def test_several_gated_calls_of_a_step_are_asked_about_at_once() -> None:
    counted = Counted()
    both = Message(
        role="assistant",
        content="",
        tool_calls=(call("gated", {"value": "1"}).tool_calls[0], call("gated", {"value": "2"}).tool_calls[0]),
    )
    agent = scripted_agent([both, "done"], [counted.tool("gated", needs_approval=True)])
    events = list(agent.stream("go"))
    asked = [event.call.id for event in events if isinstance(event, ApprovalRequired)]
    state = agent_state(events)
    assert asked == ["call_1", "call_2"]
    assert agent.resume(state, {"call_1": False, "call_2": True}).text == "done"
    assert counted.calls == [("gated", {"value": "2"})]


def agent_state(events: list[Any]) -> AgentState:
    state = events[-1].result.state
    assert isinstance(state, AgentState)
    return state


def test_a_call_that_cannot_be_made_is_not_asked_about() -> None:
    counted = Counted()
    agent = scripted_agent([call("gated", {"wrong": 1}), "done"], [counted.tool("gated", needs_approval=True)])
    result = agent.run("go")
    assert (result.text, counted.calls) == ("done", [])
    assert "no argument 'wrong'" in result.steps[0].results[0].text


def test_a_tool_whose_check_changes_its_mind_is_still_not_called() -> None:
    counted = Counted()
    gated = counted.tool("gated", needs_approval=True)
    answers = iter([ValueError("not now")] * 3)

    def read(arguments: Mapping[str, Any]) -> dict[str, Any]:
        error = next(answers, None)
        if error is not None:
            raise error
        return dict(arguments)

    fickle = replace(gated, read_arguments=read)
    scripted_agent([call("gated", {"value": "1"}), "a", "b"], [fickle]).run("go")
    assert counted.calls == []


def test_a_call_that_was_started_is_not_made_again() -> None:
    counted = Counted()
    agent, state = waiting(counted, "done")
    counted.calls.clear()
    with agent.stream_resume(state, {"call_2": True}) as stream:
        started = next(event for event in stream if isinstance(event, ToolStarted))
        kept = stream.state.to_json()  # and here the program is killed
    assert started.call.id == "call_2"
    agent, _ = waiting(Counted(), "done")
    again = AgentState.from_json(kept)
    assert [each.id for each in again.unknown_outcomes] == ["call_2"]
    result = agent.resume(again)
    assert result.steps[0].results[1].text.startswith("Unknown outcome")
    assert [name for name, _ in counted.calls] == []


def test_a_call_that_was_approved_and_not_started_is_asked_about_again() -> None:
    both = [call("gated", {"value": "1"}).tool_calls[0], call("gated", {"value": "2"}).tool_calls[0]]
    tools = [Counted().tool("gated", needs_approval=True)]
    agent = scripted_agent([Message(role="assistant", content="", tool_calls=tuple(both)), "done"], tools)
    waits = agent.run("go").state
    assert waits is not None
    with agent.stream_resume(waits, {"call_1": True, "call_2": True}) as stream:
        next(event for event in stream if isinstance(event, ToolStarted))
        state = stream.state
    with pytest.raises(ValueError, match="'call_2' of gated waits"):
        agent.resume(state)


@pytest.mark.parametrize(
    ("tools", "said"),
    [([], "does not have"), ([tool(lambda: None, name="gated")], "takes other arguments")],
    ids=["missing", "changed"],
)
def test_a_state_meets_the_tools_it_was_made_with(tools: list[Any], said: str) -> None:
    _, state = waiting(Counted())
    free = Counted().tool("free")
    with pytest.raises(ValueError, match=said):
        scripted_agent(["x"], [free, *tools]).resume(state, {"call_2": True})


def test_a_state_of_another_agent_is_refused() -> None:
    _, state = waiting(Counted())
    with pytest.raises(ValueError, match="belongs to the agent 'agent'"):
        scripted_agent(["x"], name="other").resume(state, {"call_2": True})


def test_an_answered_state_takes_a_task_and_no_resume() -> None:
    agent = scripted_agent(["one", "two"])
    state = agent.run("go").state
    assert state is not None
    with pytest.raises(ValueError, match="further"):
        agent.resume(state)
    assert agent.run("more", state=state).text == "two"


def test_a_waiting_state_takes_no_further_task() -> None:
    agent, state = waiting(Counted())
    with pytest.raises(ValueError, match="resume it first"):
        agent.run("more", state=state)


CHILD = """
import sys
from appkit import ScriptedModel, tool
from appkit.agents import Agent, AgentState

@tool(needs_approval=True)
def gated(value: str = "") -> str:
    print("called with", value)
    return "fine"

state = AgentState.from_json(sys.stdin.read())
agent = Agent(ScriptedModel(["Thought: It is done.\\nFinal Answer: done"]), tools=[gated], dialect="react")
result = agent.resume(state, {call.call.id: True for call in state.open_calls})
print(result.text, result.stopped_because, result.state.spent.steps)
"""


def test_a_run_goes_on_in_another_process() -> None:
    gated = Counted().tool("gated", needs_approval=True)
    agent = Agent(ScriptedModel([react_call("gated", {"value": "x"})]), tools=[gated], dialect="react")
    state = agent.run("go").state
    assert state is not None
    child = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=state.to_json(),
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[3],
        check=False,
    )
    assert child.stdout.splitlines() == ["called with x", "done answered 2"], child.stderr


def test_a_forged_state_approves_nothing() -> None:
    """A state says what was said and done, and nothing in it lets a gated tool be called."""
    counted = Counted()
    agent, state = waiting(counted, react_answer("done"))
    data = json.loads(state.to_json())
    data["open_calls"][1]["call"]["arguments"] = {"value": "forged"}
    forged = AgentState.from_json(json.dumps(data))
    with pytest.raises(ValueError, match="waits for approval"):
        agent.resume(forged)
    data["open_calls"][1]["was_started"] = True
    agent.resume(AgentState.from_json(json.dumps(data)))
    assert "gated" not in [name for name, _ in counted.calls]


def test_a_number_too_large_is_told_to_the_model_and_the_state_can_be_kept() -> None:
    @tool(needs_approval=True)
    def pour(litres: float) -> str:
        """Pour."""
        raise AssertionError("its argument is no number")

    large = 'Thought: Much.\nAction: pour\nAction Input: {"litres": 1e999}'
    agent = Agent(ScriptedModel([large, react_answer("no")]), tools=[pour], dialect="react")
    result = agent.run("go")
    assert (result.text, result.stopped_because) == ("no", "answered")
    assert result.steps[0].results[0].text.startswith("Argument 'litres' is \"1e999\": ")
    assert result.state is not None
    assert AgentState.from_json(result.state.to_json()) == result.state
