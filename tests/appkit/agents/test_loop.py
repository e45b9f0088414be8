"""The loop: steps, events, faults that become observations, typed answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from pydantic import BaseModel, field_validator

from appkit import AppkitError, ContextOverflowError, GenerationSettings, Limits, Message, ScriptedModel
from appkit.agents import (
    Agent,
    CallRequested,
    Finished,
    StepFinished,
    StepStarted,
    TextDelta,
    ToolFinished,
    ToolStarted,
)
from appkit.errors import AgentStoppedError
from appkit.llm.base import Capability
from appkit.structured import Choice, Retry
from tests.helpers.agents import Counted, Said, call, react_answer, react_call, scripted_agent

DIALECTS = ["tools", "react"]


def say_call(dialect: str, name: str, arguments: dict[str, Any] | None = None) -> Said:
    return call(name, arguments) if dialect == "tools" else react_call(name, arguments)


def say_answer(dialect: str, text: str) -> str:
    return text if dialect == "tools" else react_answer(text)


class Unmasked(ScriptedModel):
    """A model that nothing can be held to, as many servers are."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        return super().capabilities - {"constraint"}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_result_reaches_the_model_and_the_answer_the_caller(dialect: Any) -> None:
    model = ScriptedModel([say_call(dialect, "note", {"value": "7"}), say_answer(dialect, "seven")])
    result = Agent(model, tools=[Counted().tool("note")], dialect=dialect).run("go")
    assert (result.output, result.text, result.stopped_because) == ("seven", "seven", "answered")
    assert "got 7" in model.requests[1].prompt[-1].content  # type: ignore[union-attr]
    assert [step.results[0].text for step in result.steps if step.calls] == ["got 7"]


def test_events_tell_what_happens_in_its_order() -> None:
    agent = scripted_agent([call("note", {"value": "7"}), "ok"], [Counted().tool("note")])
    kinds = [type(event) for event in agent.stream("go")]
    assert kinds == [
        *(StepStarted, CallRequested, ToolStarted, ToolFinished, StepFinished),
        *(StepStarted, TextDelta, TextDelta, StepFinished, Finished),
    ]


def test_a_step_holds_the_ids_of_what_was_shown_and_written() -> None:
    model = ScriptedModel(["ok"])
    result = Agent(model).run("go")
    step = result.steps[0]
    assert "".join(map(chr, step.token_ids)) == "ok"
    assert "".join(map(chr, step.prompt_ids)).endswith("user: go\nassistant: ")
    assert result.state is not None
    assert result.state.messages[-1].token_ids == step.token_ids


def test_the_model_is_called_with_what_the_agent_has() -> None:
    model = ScriptedModel(["ok"])
    Agent(model, tools=[Counted().tool("note")], instructions="Be kind.", dialect="tools").run("go")
    request = model.requests[0]
    assert [tool.name for tool in request.tools] == ["note"]
    assert request.prompt[0].content.startswith("Be kind.")  # type: ignore[union-attr]


def test_a_chinese_task_is_asked_in_chinese() -> None:
    model = ScriptedModel(['想法：查一查。\n动作：note\n动作输入：{"value": "7"}', "想法：知道了。\n最终答案：七"])
    result = Agent(model, tools=[Counted().tool("note")], dialect="react").run("七是多少？")
    assert (result.text, result.steps[0].thought) == ("七", "查一查。")
    prompt = model.requests[1].prompt
    assert not isinstance(prompt, str)
    assert "一步一步" in prompt[0].content
    assert prompt[1].content == "问题：七是多少？"
    assert prompt[-1].content.startswith("观察：\n<text>\ngot 7")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_unknown_tool_is_told_and_the_run_goes_on(dialect: Any) -> None:
    said = [say_call(dialect, "rm", {}), say_call(dialect, "note", {"value": "1"}), say_answer(dialect, "ok")]
    result = scripted_agent(said, [Counted().tool("note")], dialect=dialect).run("go")
    assert result.is_complete
    assert result.steps[0].results[0].text == "There is no tool 'rm'; there is: note."


@pytest.mark.parametrize("dialect", DIALECTS)
def test_wrong_arguments_are_told_and_the_tool_is_not_called(dialect: Any) -> None:
    counted = Counted()
    said = [say_call(dialect, "note", {"values": 1}), say_answer(dialect, "ok")]
    result = scripted_agent(said, [counted.tool("note")], dialect=dialect).run("go")
    assert result.is_complete
    assert "no argument 'values'" in result.steps[0].results[0].text
    assert counted.calls == []


def test_a_step_without_action_and_answer_is_mended() -> None:
    model = Unmasked(["I would like to help.", react_answer("ok")])
    result = Agent(model, dialect="react").run("go")
    assert (result.stopped_because, result.text) == ("answered", "ok")
    assert "'Final Answer: '" in model.requests[1].prompt[-1].content  # type: ignore[union-attr]


def test_repairs_end_after_two_in_a_row() -> None:
    model = Unmasked(["nonsense"] * 10)
    result = Agent(model, dialect="react").run("go")
    assert (result.stopped_because, result.text, len(model.requests)) == ("format", "nonsense", 3)


def test_a_call_between_faults_lets_the_count_begin_anew() -> None:
    said = ["bad", "bad", react_call("note"), "bad", "bad", react_answer("ok")]
    result = Agent(Unmasked(said), tools=[Counted().tool("note")], dialect="react").run("go")
    assert result.is_complete


def test_what_an_unmasked_model_observes_by_itself_is_cut_off() -> None:
    counted = Counted()
    invented = react_call("note", {"value": "1"}) + "\nObservation: 42\nThought: x\nFinal Answer: 42"
    model = Unmasked([invented, react_answer("ok")])
    result = Agent(model, tools=[counted.tool("note")], dialect="react").run("go")
    assert (result.text, len(counted.calls)) == ("ok", 1)
    assert "\nObservation:" in model.requests[0].settings.stop


class Room(BaseModel):
    number: int

    @field_validator("number")
    @classmethod
    def exists(cls, number: int) -> int:
        if number not in (1, 2):
            raise Retry(f"There is no room {number}.")
        return number


@dataclass
class City:
    name: str
    people: int


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("output", "text", "value"),
    [
        (int, "42", 42),
        (bool, "true", True),
        (list[int], "[1, 2]", [1, 2]),
        (City, '{"name": "Bonn", "people": 3}', City("Bonn", 3)),
        (Literal["yes", "no"], "yes", "yes"),
        (Choice(["red", "blue"]), "red", "red"),
        (Room, '{"number": 2}', Room(number=2)),
    ],
    ids=["int", "bool", "list", "dataclass", "literal", "choice", "pydantic"],
)
def test_the_answer_has_the_type_that_was_asked_for(dialect: Any, output: Any, text: str, value: Any) -> None:
    result = scripted_agent([say_answer(dialect, text)], dialect=dialect, output=output).run("go")
    assert (result.output, result.text) == (value, text)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_model_is_told_the_form_of_a_typed_answer_and_held_to_it(dialect: Any) -> None:
    model = ScriptedModel([say_answer(dialect, '{"number": 2}')])
    Agent(model, dialect=dialect, output=Room).run("go")
    assert '"number"' in model.requests[0].prompt[0].content  # type: ignore[union-attr]
    assert model.requests[0].constraint is not None


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_model_that_nothing_holds_is_shown_the_whole_schema(dialect: Any) -> None:
    model = Unmasked([say_answer(dialect, '{"number": 2}')])
    Agent(model, dialect=dialect, output=Room).run("go")
    assert "JSON Schema" in model.requests[0].prompt[0].content  # type: ignore[union-attr]
    assert model.requests[0].constraint is None


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_validator_sends_an_answer_back_with_its_reason(dialect: Any) -> None:
    model = ScriptedModel([say_answer(dialect, '{"number": 9}'), say_answer(dialect, '{"number": 1}')])
    result = Agent(model, dialect=dialect, output=Room).run("go")
    assert result.output == Room(number=1)
    assert "There is no room 9." in model.requests[1].prompt[-1].content  # type: ignore[union-attr]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_answer_that_is_refused_again_and_again_ends_the_run(dialect: Any) -> None:
    result = scripted_agent([say_answer(dialect, '{"number": 9}')] * 9, dialect=dialect, output=Room).run("go")
    assert (result.stopped_because, result.output, result.text) == ("format", None, '{"number": 9}')
    assert len(result.steps) == 3


def test_a_closing_answer_is_typed_too() -> None:
    said: Sequence[Said] = [call("note", {"value": "1"}), '{"number": 2}']
    result = scripted_agent(said, [Counted().tool("note")], output=Room, limits=Limits(steps=1)).run("go")
    assert (result.stopped_because, result.output) == ("steps", Room(number=2))


def test_only_a_complete_result_gives_its_output_without_a_word() -> None:
    assert scripted_agent(["ok"]).run("go").require_output() == "ok"
    stopped = scripted_agent([call("note"), "x"], [Counted().tool("note")], limits=Limits(steps=1)).run("go")
    with pytest.raises(AgentStoppedError, match="steps") as raised:
        stopped.require_output()
    assert (raised.value.reason, raised.value.steps) == ("steps", 2)


def test_the_same_seed_gives_every_step_the_same_seed() -> None:
    def seeds(seed: int) -> list[int | None]:
        settings = GenerationSettings(seed=seed)
        agent = scripted_agent([call("note"), "ok"], [Counted().tool("note")], settings=settings)
        return [step.seed for step in agent.run("go").steps]

    assert seeds(1) == seeds(1)
    assert len({*seeds(1), *seeds(2)}) == 4


def test_a_further_task_follows_the_first() -> None:
    model = ScriptedModel([call("note", {"value": "1"}), "one", "two"])
    agent = Agent(model, tools=[Counted().tool("note")], dialect="tools")
    first = agent.run("first task")
    second = agent.run("second task", state=first.state)
    assert second.text == "two"
    shown = [message.content for message in model.requests[2].prompt]  # type: ignore[union-attr]
    assert shown[1:] == ["first task", "", "got 1", "one", "second task"]
    assert second.state is not None
    assert second.state.spent.steps == 1


def test_cancel_ends_a_run_within_a_token_and_keeps_what_was_said() -> None:
    with scripted_agent(["a long answer"]).stream("go") as stream:
        for event in stream:
            if isinstance(event, TextDelta):
                stream.cancel()
        result = stream.result()
    assert (result.stopped_because, result.text) == ("cancelled", "a")
    assert result.state is not None
    assert not result.state.is_answered


def test_a_cancelled_run_can_be_resumed() -> None:
    agent = scripted_agent(["a long answer", "anew"])
    with agent.stream("go") as stream:
        next(event for event in stream if isinstance(event, TextDelta))
        stream.cancel()
        cancelled = stream.result()
    assert cancelled.state is not None
    assert agent.resume(cancelled.state).text == "anew"


def test_leaving_the_block_ends_the_run() -> None:
    with scripted_agent(["a long answer"]).stream("go") as stream:
        next(iter(stream))
    with pytest.raises(AppkitError, match="did not come to its end"):
        stream.result()


@pytest.mark.parametrize("task", ["", "  \n", None], ids=repr)
def test_an_empty_task_is_refused(task: Any) -> None:
    with pytest.raises(ValueError, match="task is empty"):
        scripted_agent(["ok"]).run(task)


def test_a_task_that_does_not_fit_is_refused_before_the_model_is_asked() -> None:
    model = ScriptedModel(["ok"], max_seq_len=500)
    with pytest.raises(ContextOverflowError):
        Agent(model).run("x" * 600)
    assert model.requests == []


def test_tools_that_leave_no_room_are_refused_with_the_way_out() -> None:
    tools = [Counted().tool(f"tool_{idx}") for idx in range(20)]
    with pytest.raises(ContextOverflowError, match="fewer tools"):
        Agent(ScriptedModel(["ok"], max_seq_len=3300), tools=tools, dialect="tools").run("x" * 150)


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="'note'"):
        scripted_agent(["ok"], [Counted().tool("note"), Counted().tool("note")])


def test_what_a_model_cannot_do_is_refused_when_the_agent_is_made() -> None:
    class NoTools(ScriptedModel):
        @property
        def capabilities(self) -> frozenset[Capability]:
            return super().capabilities - {"tools"}

    with pytest.raises(AppkitError, match="does not call tools"):
        Agent(NoTools(["ok"]), dialect="tools")
    assert Agent(NoTools([react_answer("ok")])).run("go").text == "ok"


def test_an_answer_with_only_a_message_is_no_call() -> None:
    result = scripted_agent([Message(role="assistant", content="plain")], [Counted().tool("note")]).run("go")
    assert result.text == "plain"


def test_an_unmasked_model_is_asked_for_its_closing_answer_in_words() -> None:
    model = Unmasked([react_call("note", {"value": "1"}), react_answer("so far")])
    result = Agent(model, tools=[Counted().tool("note")], dialect="react", limits=Limits(steps=1)).run("go")
    assert (result.stopped_because, result.text) == ("steps", "so far")
    assert "No tool can be called any more" in model.requests[1].prompt[-1].content  # type: ignore[union-attr]


def test_a_call_in_place_of_the_closing_answer_is_not_made() -> None:
    counted = Counted()
    said = [react_call("note", {"value": "1"}), react_call("note", {"value": "2"}, thought="Once more.")]
    agent = Agent(Unmasked(said), tools=[counted.tool("note")], dialect="react", limits=Limits(steps=1))
    result = agent.run("go")
    assert (result.stopped_because, result.output, result.text) == ("steps", None, "Once more.")
    assert len(counted.calls) == 1


def test_what_a_tool_returned_is_not_kept_beside_its_text() -> None:
    result = scripted_agent([call("note"), "ok"], [Counted().tool("note", lambda value: ["x"] * 1000)]).run("go")
    assert result.steps[0].results[0].value is None
