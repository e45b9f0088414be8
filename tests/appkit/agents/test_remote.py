"""Agents over a model behind a server, which nothing holds to a form."""

from typing import Any

import pytest

from appkit import RemoteModel, ScriptedModel
from appkit.agents import Agent
from tests.helpers.agents import Counted, Said, call, react_answer, react_call
from tests.helpers.openai_server import serve


@pytest.mark.parametrize(
    ("dialect", "said"),
    [
        ("tools", [call("note", {"value": "7"}, id="c1"), "seven"]),
        ("react", [react_call("note", {"value": "7"}), react_answer("seven")]),
        ("auto", [call("note", {"value": "7"}, id="c1"), "seven"]),
    ],
    ids=["tools", "react", "auto"],
)
def test_a_served_model_calls_tools_and_answers(dialect: Any, said: list[Said]) -> None:
    counted = Counted()
    with serve(ScriptedModel(said)) as server, RemoteModel(server.spec) as model:
        result = Agent(model, tools=[counted.tool("note")], dialect=dialect).run("go")
    assert (result.text, result.stopped_because, counted.calls) == ("seven", "answered", [("note", {"value": "7"})])


def test_an_answer_in_another_form_is_sent_back_with_what_is_wrong() -> None:
    said = ["Well, seven.", "Action: note\nAction Input: {", react_answer("seven")]
    with serve(ScriptedModel(said)) as server, RemoteModel(server.spec) as model:
        result = Agent(model, tools=[Counted().tool("note")], dialect="react", output=int).run("go")
    assert (result.stopped_because, result.output, result.text) == ("format", None, "seven")


def test_a_typed_answer_of_a_served_model_is_checked() -> None:
    with serve(ScriptedModel(["about seven", "7"])) as server, RemoteModel(server.spec) as model:
        result = Agent(model, dialect="tools", output=int).run("go")
    assert result.output == 7
    assert "cannot be used" in server.bodies("/chat/completions")[1]["messages"][-1]["content"]
