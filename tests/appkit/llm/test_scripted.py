"""The scripted model keeps the contract, and its own promises to tests."""

import pytest

from appkit.errors import AppkitError
from appkit.llm.base import GenerationSettings
from appkit.llm.scripted import ScriptedModel
from appkit.messages import Constraint, Message, ToolCall
from tests.contracts.language_model import LanguageModelContract


def _say_something(prompt: object) -> str:
    return "abcdefghijkl" * 40


class TestScriptedModel(LanguageModelContract):
    @pytest.fixture
    def model(self) -> ScriptedModel:
        return ScriptedModel(_say_something, max_seq_len=1000)

    @pytest.fixture
    def fresh_model(self, model: ScriptedModel) -> ScriptedModel:
        return model

    def choice(self) -> Constraint:
        return Constraint("choice", (_say_something(""), "no"))


class TestScriptedModelThatScores(TestScriptedModel):
    @pytest.fixture
    def model(self) -> ScriptedModel:
        return ScriptedModel(_say_something, max_seq_len=1000, score=lambda prompt, text: [-1.0] * len(text))


def test_answers_come_in_order_and_one_too_many_is_an_error() -> None:
    model = ScriptedModel(["one", "two"])
    assert [model.generate("x").text, model.generate("x").text] == ["one", "two"]
    with pytest.raises(AppkitError, match="asked 3 times and its script holds 2"):
        model.generate("x")


def test_repeating_script_begins_again() -> None:
    model = ScriptedModel(["one"], repeats=True)
    assert [model.generate("x").text for _ in range(3)] == ["one"] * 3


def test_a_token_is_a_character() -> None:
    completion = ScriptedModel(["好"]).chat([Message(role="user", content="hi")])
    assert completion.token_ids == (ord("好"),)
    assert completion.usage.prompt_tokens == len("user: hi\nassistant: ")


def test_cached_tokens_are_the_prefix_shared_with_the_request_before() -> None:
    model = ScriptedModel(["bc"], repeats=True)
    model.generate("a")
    assert model.generate("abcd").usage.cached_tokens == 3


@pytest.mark.parametrize(
    ("constraint", "answer"),
    [
        (Constraint("choice", ("yes", "no")), "maybe"),
        (Constraint("regex", r"\d+"), "12a"),
        (Constraint("json_schema", "{}"), "{"),
    ],
)
def test_an_answer_that_breaks_its_constraint_is_the_script_s_fault(constraint: Constraint, answer: str) -> None:
    with pytest.raises(ValueError, match="does not allow"):
        ScriptedModel([answer]).generate("x", constraint=constraint)


def test_tool_calls_come_through_and_requests_are_kept() -> None:
    call = ToolCall(name="look", arguments={"at": "moon"})
    model = ScriptedModel([Message(role="assistant", content="", tool_calls=(call,))])
    settings = GenerationSettings(seed=3)
    question = Message(role="user", content="look")
    assert model.chat([question], settings).tool_calls == (call,)
    assert (model.requests[0].prompt, model.requests[0].settings) == ((question,), settings)


def test_a_function_answers_from_what_is_asked() -> None:
    model = ScriptedModel(lambda messages: messages[-1].content.upper())
    assert model.chat([Message(role="user", content="hi")]).text == "HI"
