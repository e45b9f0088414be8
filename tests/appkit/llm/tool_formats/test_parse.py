"""Calls are read from what a model wrote, text stays text, nothing raises, and a stream shows what the result holds."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appkit.llm.tool_formats.parse import MAX_CALLS, AnswerText, parse_answer
from appkit.llm.tool_formats.syntax import HERMES, LLAMA3, MISTRAL, OWN, CallSyntax
from appkit.messages import ToolCall

SYNTAXES = (HERMES, LLAMA3, MISTRAL, OWN)
NAMES = ("add", "look")
ADD = ToolCall(name="add", arguments={"a": 1, "b": [2.5, "x\n</tool_call>é"]})
LOOK = ToolCall(name="look", arguments={})
PIECES = (
    *("<tool_call>", "</tool_call>", "<tool>yes</tool>", "<tool>no</tool>", "[TOOL_CALLS]", "[", "]", "{", "}", '"'),
    *(
        '{"name": "add", ',
        '"arguments": {}}',
        '"parameters": {"a": 1}}',
        '{"name": 3}',
        "<tool",
        "<",
        " ",
        "\n",
        "text",
    ),
    *("NaN", "1e999", "\\", "é", "😀", "\ud800", "\x00", "9" * 5000, "[" * 3000, '{"a":' * 2000),
)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_calls_are_read_as_they_are_written(syntax: CallSyntax) -> None:
    calls = (ADD, LOOK)[: syntax.max_calls]
    assert parse_answer(syntax.write(calls), syntax, NAMES) == ("", calls)


@pytest.mark.parametrize("syntax", [HERMES, MISTRAL], ids=lambda syntax: syntax.name)
def test_text_before_a_call_is_kept(syntax: CallSyntax) -> None:
    written = "Let me see.\n" + syntax.write([ADD])
    assert parse_answer(written, syntax, NAMES) == ("Let me see.", (ADD,))


@pytest.mark.parametrize(
    ("text", "syntax"),
    [
        ('<tool_call>{"name": "add", "parameters": {}}', HERMES),
        ('<tool_call>\n\n{"name":"add","arguments":{}}\n', HERMES),
        ('{"name": "add", "arguments": {}}', LLAMA3),
        ('[TOOL_CALLS] [{"name": "add"}]', MISTRAL),
        ('[TOOL_CALLS]{"name": "add", "arguments": {}}', MISTRAL),
        ('<tool>yes</tool> {"name": "add", "arguments": {}}', OWN),
        ('<tool>yes</tool>\n<tool_call>\n{"name": "add", "arguments": {}}\n</tool_call>', OWN),
    ],
)
def test_small_departures_are_forgiven(text: str, syntax: CallSyntax) -> None:
    assert parse_answer(text, syntax, NAMES) == ("", (ToolCall(name="add", arguments={}),))


@pytest.mark.parametrize(
    ("text", "syntax"),
    [
        ("just words", HERMES),
        ('<tool_call>{"name": "add", "arguments": [1]}</tool_call>', HERMES),
        ('<tool_call>{"name": "add", "arguments": {"a": NaN}}</tool_call>', HERMES),
        ('<tool_call>{"name": "", "arguments": {}}</tool_call>', HERMES),
        ('<tool_call>{"name": "add", "arg', HERMES),
        ('[TOOL_CALLS][{"name": "add", "arguments": {}}, 3]', MISTRAL),
        ('{"name": "Ada", "age": 36}', LLAMA3),  # an answer in JSON, and no tool is called so
    ],
)
def test_what_is_no_call_stays_text_to_the_letter(text: str, syntax: CallSyntax) -> None:
    assert parse_answer(text, syntax, NAMES) == (text, ())


def test_a_marked_call_of_an_unknown_tool_is_a_call() -> None:
    _, calls = parse_answer('<tool_call>{"name": "rm", "arguments": {}}</tool_call>', HERMES, NAMES)
    assert [call.name for call in calls] == ["rm"]


def test_the_number_of_calls_is_bounded() -> None:
    _, calls = parse_answer(HERMES.write([LOOK] * 500), HERMES, NAMES)
    assert len(calls) == MAX_CALLS


def test_what_an_answer_in_words_begins_with_is_left_out() -> None:
    assert parse_answer("<tool>no</tool>\nHello", OWN, NAMES) == ("Hello", ())


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_garbage_never_raises_and_a_stream_shows_what_the_result_holds(syntax: CallSyntax) -> None:
    rng = random.Random(5)
    for _ in range(500):
        pieces = rng.choices(PIECES, k=rng.randrange(1, 12))
        check_stream(pieces, syntax)


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=12), st.sampled_from(SYNTAXES))
def test_however_it_is_divided_a_stream_shows_what_the_result_holds(pieces: list[str], syntax: CallSyntax) -> None:
    check_stream(pieces, syntax)


def check_stream(pieces: list[str], syntax: CallSyntax) -> None:
    """What is streamed begins the text of the result, whatever the pieces; letter by letter it is the same."""
    whole = "".join(pieces)
    text, calls = parse_answer(whole, syntax, NAMES)
    assert all(isinstance(call.arguments, dict) for call in calls)
    shown = stream(pieces, syntax)
    assert text.startswith(shown)
    if len(whole) < 500:
        assert stream(list(whole), syntax) == shown


def stream(pieces: list[str], syntax: CallSyntax) -> str:
    answer = AnswerText(syntax)
    return "".join(map(answer.push, pieces))


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_nothing_of_a_call_is_streamed(syntax: CallSyntax) -> None:
    before = "" if syntax in (LLAMA3, OWN) else "I look. "
    assert stream(list(before + syntax.write([LOOK])), syntax) == before.rstrip()


def test_text_is_streamed_as_soon_as_it_cannot_be_a_call() -> None:
    answer = AnswerText(HERMES)
    assert [answer.push(piece) for piece in ("a <", "tool", " b", "<", "tool_call>", "{")] == [
        "a",
        "",
        " <tool b",
        "",
        "",
        "",
    ]
