"""What a model that nothing holds to a form writes as a step."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appkit import ToolSpec
from appkit.agents.react_parser import parse_step
from appkit.agents.react_words import CHINESE, ENGLISH

TOOLS = (
    ToolSpec(name="sum", description="", parameters={"type": "object", "properties": {"text": {"type": "string"}}}),
    ToolSpec(name="days", description="", parameters={"type": "object", "properties": {"n": {"type": "integer"}}}),
    ToolSpec(
        name="two", description="", parameters={"type": "object", "properties": {"a": {}, "b": {"type": "string"}}}
    ),
)

CALLS = [
    ('Thought: t\nAction: sum\nAction Input: {"text": "1"}', "sum", {"text": "1"}),
    ('Action: sum\nAction Input: {"text": "1"}', "sum", {"text": "1"}),
    ('thinking…\n\nAction: `sum`\nAction Input: {"text": "1"} and so on', "sum", {"text": "1"}),
    ('**Action:** sum\n**Action Input:** {"text": "1"}', "sum", {"text": "1"}),
    ('Action: sum()\nAction Input:\n```json\n{"text": "1"}\n```', "sum", {"text": "1"}),
    ('Action: sum\n{"text": "1"}', "sum", {"text": "1"}),
    ("Action: sum\nAction Input: 12 * 31", "sum", {"text": "12 * 31"}),
    ('Action: sum\nAction Input: "12 * 31"', "sum", {"text": "12 * 31"}),
    ("Action: days\nAction Input: 12", "days", {"n": 12}),
    ("Action: two", "two", {}),
    ("Action: rm\nAction Input: {}", "rm", {}),
    ('Action: sum\nAction Input: {"text": "1"}\nFinal Answer: 3', "sum", {"text": "1"}),
    ('Action: sum\nAction Input: {"text": "1"}\nObservation: 3\nAction: two', "sum", {"text": "1"}),
]


@pytest.mark.parametrize(("text", "name", "arguments"), CALLS, ids=[json.dumps(text) for text, _, _ in CALLS])
def test_a_call_is_read(text: str, name: str, arguments: dict[str, object]) -> None:
    turn = parse_step(text, ENGLISH, TOOLS)
    assert [(call.name, call.arguments) for call in turn.calls] == [(name, arguments)]
    assert (turn.answer, turn.fault) == ("", "")


ANSWERS = [
    ("Thought: t\nFinal Answer: 42", "42"),
    ("Final Answer:\n42\nand more", "42\nand more"),
    ("**Final Answer:** 42", "42"),
    ("Final Answer: 42\nObservation: no", "42"),
    ("Final Answer: Action: sum is a tool", "Action: sum is a tool"),
    ("Final Answer: 42\nAction: sum", "42\nAction: sum"),
]


@pytest.mark.parametrize(("text", "answer"), ANSWERS, ids=[json.dumps(text) for text, _ in ANSWERS])
def test_an_answer_is_read(text: str, answer: str) -> None:
    turn = parse_step(text, ENGLISH, TOOLS)
    assert (turn.answer, turn.calls, turn.fault) == (answer, (), "")


FAULTS = [
    "",
    "hello",
    "Thought: Final Answer: 42",
    "Final Answer:",
    "Action:",
    "Action: two\nAction Input: 3",
    'Action: sum\nAction Input: {"text": "1',
    "Action: two\nAction Input: {" + "[" * 9999,
    "x" * (1 << 19),
]


@pytest.mark.parametrize("text", FAULTS, ids=[json.dumps(text[:40]) for text in FAULTS])
def test_what_is_neither_is_a_fault_that_is_told(text: str) -> None:
    turn = parse_step(text, ENGLISH, TOOLS)
    assert turn.fault
    assert (turn.calls, turn.answer) == ((), "")


def test_chinese_labels_are_read() -> None:
    turn = parse_step('想法：想\n动作：sum\n动作输入：{"text": "1"}', CHINESE, TOOLS)
    assert (turn.thought, turn.calls[0].name) == ("想", "sum")
    assert parse_step("想法：想\n最终答案：四", CHINESE, TOOLS).answer == "四"


PIECES = [
    "Thought: ",
    "Action: ",
    "Action Input: ",
    "Final Answer: ",
    "Observation:",
    "\n",
    "{",
    "}",
    '"',
    "sum",
    "```",
]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=20).map("".join))
@settings(max_examples=500, deadline=None)
def test_no_text_makes_it_raise_or_give_both(text: str) -> None:
    for words in (ENGLISH, CHINESE):
        turn = parse_step(text, words, TOOLS)
        assert sum(map(bool, (turn.calls, turn.answer, turn.fault))) == 1
