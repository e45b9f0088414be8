"""BFCL: questions are read from the wheel's files, asked, judged and counted; what was asked is not asked again."""

from pathlib import Path

import pytest

from appkit import AppkitError, Message, ScriptedModel, ToolCall, ToolSpec
from eval.tasks.bfcl import Question, as_markdown, ask, ask_all, first_questions, summarise
from eval.tasks.bfcl_check import check_call
from eval.tasks.bfcl_data import CATEGORIES, fetch_bfcl, load_bfcl

TOOL = ToolSpec(name="add", description="", parameters={"properties": {"a": {"type": "integer"}}, "required": ["a"]})
ADD = Question(id="q1", messages=(Message(role="user", content="3?"),), tools=(TOOL,), reference={"add": {"a": [3]}})
NONE = Question(id="q2", messages=(Message(role="user", content="Hi"),), tools=(TOOL,), reference=None)


def say(*calls: ToolCall, text: str = "") -> Message:
    return Message(role="assistant", content=text, tool_calls=calls)


def call(name: str = "add", **arguments: object) -> ToolCall:
    return ToolCall(name=name, arguments=arguments)


@pytest.mark.parametrize(
    ("answer", "question", "verdict", "is_right", "is_format_error"),
    [
        (say(call(a=3)), ADD, "right", True, False),
        (say(call(a=4)), ADD, "wrong value", False, False),
        (say(call(a="3")), ADD, "wrong type", False, True),
        (say(call("rm")), ADD, "unknown tool", False, True),
        (say(call(a=3), call(a=3)), ADD, "several calls", False, False),
        (say(text="It is 3."), ADD, "no call", False, False),
        (say(text='<tool_call>{"name": "add"'), ADD, "unreadable call", False, True),
        (say(text="Hello."), NONE, "no call", True, False),
        (say(call(a=3)), NONE, "wrong tool", False, False),
        (say(call(b=3)), NONE, "missing argument", False, True),
    ],
)
def test_an_answer_is_judged(
    answer: Message, question: Question, verdict: str, is_right: bool, is_format_error: bool
) -> None:
    model = ScriptedModel([answer])
    outcome = ask(model, "simple", question)
    assert (outcome.verdict, outcome.is_right, outcome.is_format_error) == (verdict, is_right, is_format_error)
    assert model.requests[0].tools == (TOOL,)
    assert model.requests[0].tool_choice == "auto"


def test_a_run_that_was_cut_goes_on_and_figures_are_of_each_category(tmp_path: Path) -> None:
    progress = tmp_path / "outcomes.jsonl"
    list(ask_all(ScriptedModel([say(call(a=3))]), [("simple", ADD)], progress=progress))
    second = ScriptedModel([say(text="Hello.")])
    outcomes = list(ask_all(second, [("simple", ADD), ("irrelevance", NONE)], progress=progress))
    assert len(second.requests) == 1
    summary = summarise(outcomes)
    assert list(summary) == ["simple", "irrelevance"]
    assert all(figures["accuracy"] == 1 and figures["format errors"] == 0 for figures in summary.values())
    page = as_markdown({"run": "r", "summary": summary})
    assert page.count("\n| ") == 4
    assert "| irrelevance | 1 | 1 | 1.000 | 0.207–1.000 | 0 | 1 |" in page


@pytest.fixture(scope="module")
def folder() -> Path:
    try:
        return fetch_bfcl()
    except AppkitError as error:
        pytest.skip(str(error))


def test_there_are_the_questions_of_three_categories_with_references(folder: Path) -> None:
    questions = {name: load_bfcl(folder, name) for name in CATEGORIES}
    assert {name: len(found) for name, found in questions.items()} == {
        "simple": 400,
        "multiple": 200,
        "irrelevance": 240,
    }
    assert all(question.reference for name in ("simple", "multiple") for question in questions[name])
    assert not any(question.reference for question in questions["irrelevance"])
    assert len(first_questions(folder, 100, 110)) == 30


def test_the_checker_calls_every_reference_right_but_one(folder: Path) -> None:
    """The first of the values a reference gives is right by the reference itself, if our types and rules are theirs."""
    wrong = []
    for name in ("simple", "multiple"):
        for question in load_bfcl(folder, name):
            assert question.reference is not None
            ((tool, values),) = question.reference.items()
            arguments = first_values(values)
            if check_call(ToolCall(name=tool, arguments=arguments), question.tools, question.reference) != "right":
                wrong.append(question.id)
    assert wrong == ["simple_python_307"]  # the reference of a text is a truth value


def first_values(values: object) -> object:
    if isinstance(values, dict):
        given = {name: [value for value in possible if value != ""] for name, possible in values.items()}
        return {name: first_values(possible[0]) for name, possible in given.items() if possible}
    return [first_values(value) for value in values] if isinstance(values, list) else values


def test_what_is_not_here_is_not_fetched_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPKIT_HOME", str(tmp_path))
    monkeypatch.setenv("APPKIT_OFFLINE", "1")
    with pytest.raises(AppkitError, match="offline"):
        fetch_bfcl()
