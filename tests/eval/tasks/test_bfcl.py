"""BFCL: questions are read from the wheel's files, asked and judged."""

from pathlib import Path

import pytest

from appkit import CapabilityError, Message, ScriptedModel, ToolCall, ToolSpec
from appkit.errors import EvaluationDataError
from eval.tasks.bfcl import ask, facts, judge, make_task
from eval.tasks.bfcl_check import check_call
from eval.tasks.bfcl_data import CATEGORIES, Question, fetch_bfcl, load_bfcl

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
    answered = ask(model, "simple", question)
    assert answered.notes["verdict"] == verdict
    assert answered.values == {"acc": is_right, "acc_simple": is_right, "format_error": is_format_error}
    assert model.requests[0].tools == (TOOL,)
    assert model.requests[0].tool_choice == "auto"


def test_who_says_that_it_calls_nothing_may_write_what_looks_like_a_call() -> None:
    completion = ScriptedModel([say(text='See {"name": "NBA"}.')]).chat(ADD.messages, tools=ADD.tools)
    assert judge(completion, ADD) == "unreadable call"
    assert judge(completion, ADD, says_no=True) == "no call"


@pytest.fixture(scope="module")
def folder() -> Path:
    try:
        return fetch_bfcl()
    except EvaluationDataError as error:
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


def test_a_limit_counts_the_questions_of_each_category(folder: Path) -> None:
    with make_task({}).open(ScriptedModel(["I cannot say."], repeats=True), 2) as session:
        answers = [session.ask(sample) for sample in session.samples]
        figures = session.figures(session.samples, answers)
    assert [sample.doc_id for sample in session.samples] == [0, 1, 400, 401, 600, 601]
    assert {name: figure.value for name, figure in figures.items()} == {
        "acc": pytest.approx(1 / 3),
        "acc_simple": 0.0,
        "acc_multiple": 0.0,
        "acc_irrelevance": 1.0,
        "format_error": 0.0,
    }


def test_a_page_says_what_the_answers_were(folder: Path) -> None:
    with make_task({}).open(ScriptedModel([say(text="Hm."), say(call("rm"))], repeats=True), 2) as session:
        answers = [session.ask(sample) for sample in session.samples]
    assert facts(list(zip(session.samples, answers, strict=True))) == {
        "simple": "1 no call, 1 unknown tool",
        "multiple": "1 no call, 1 unknown tool",
        "irrelevance": "1 no call, 1 unknown tool",
    }


def test_only_a_local_model_can_be_let_loose(folder: Path) -> None:
    task = make_task({"method": "unconstrained"})
    with pytest.raises(CapabilityError, match="scripted is no local model"), task.open(ScriptedModel(["x"]), 1):
        pass


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
    with pytest.raises(EvaluationDataError, match="offline"):
        fetch_bfcl()


@pytest.mark.parametrize("line", ['{"id": "simple_python_0"}', "{"], ids=["fields", "no JSON"])
def test_a_file_that_was_changed_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / "BFCL_v4_irrelevance.json").write_text(line, "utf-8")
    with pytest.raises(EvaluationDataError, match=r"BFCL_v4_irrelevance\.json is no"):
        load_bfcl(tmp_path, "irrelevance")
