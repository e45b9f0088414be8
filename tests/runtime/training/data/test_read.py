"""Files of examples: formats by their keys, and every fault with its line."""

from pathlib import Path
from typing import Any

import pytest

from runtime.errors import TrainingDataError
from runtime.training.data.formats import CompletionExample, PlainTextExample, PreferenceExample
from runtime.training.data.messages import ChatExample, question_and_answer, read_chat
from runtime.training.data.read import MAX_LINE_BYTES, read_examples
from tests.helpers.shared_data import shared_data
from tests.helpers.training_data import chat_line, write_lines

ASKED = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    ("line", "format", "example"),
    [
        (chat_line("hi", "ho"), "chat", question_and_answer("hi", "ho")),
        ({"prompt": "hi", "completion": "ho"}, "completion", CompletionExample(prompt="hi", completion="ho")),
        ({"text": "hi ho", "id": 3}, "text", PlainTextExample(text="hi ho")),
        ({"instruction": "Add.", "input": "", "output": "3"}, "alpaca", question_and_answer("Add.", "3")),
        ({"instruction": "Add.", "input": "1 2", "output": "3"}, "alpaca", question_and_answer("Add.\n\n1 2", "3")),
        (
            {"instruction": "Add.", "output": "3", "text": "Add. 3", "system": "Be brief."},
            "alpaca",
            question_and_answer("Add.", "3", system="Be brief."),
        ),
        (
            {"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "ho"}]},
            "sharegpt",
            question_and_answer("hi", "ho"),
        ),
        (
            {"prompt": "hi", "chosen": "ho", "rejected": "no"},
            "preference",
            PreferenceExample(
                chosen=CompletionExample(prompt="hi", completion="ho"),
                rejected=CompletionExample(prompt="hi", completion="no"),
            ),
        ),
        (
            {"prompt": ASKED, "completion": [{"role": "assistant", "content": "ho"}]},
            "completion",
            question_and_answer("hi", "ho"),
        ),
    ],
)
def test_formats_are_recognised_by_their_keys(line: Any, format: str, example: Any, tmp_path: Path) -> None:
    data = read_examples(write_lines(tmp_path / "a.jsonl", line))
    assert (data.format, data.lines[0].example, data.bad) == (format, example, ())


def test_sharegpt_has_functions_and_a_system_beside_the_turns(tmp_path: Path) -> None:
    turns = [("human", "hi"), ("gpt", ""), ("function", "4"), ("gpt", "It is 4.")]
    line = {"conversations": [{"from": who, "value": said} for who, said in turns], "system": "Be brief."}
    line["conversations"][1]["tool_calls"] = [{"name": "add", "arguments": {}}]  # type: ignore[index]
    example = read_examples(write_lines(tmp_path / "a.jsonl", line)).lines[0].example
    assert isinstance(example, ChatExample)
    assert [message["role"] for message in example.messages] == ["system", "user", "assistant", "tool", "assistant"]


def test_answers_in_the_prompt_of_a_preference_are_not_learnt(tmp_path: Path) -> None:
    prompt = [*chat_line("hi", "ho")["messages"], *ASKED]
    sides = {name: [{"role": "assistant", "content": name}] for name in ("chosen", "rejected")}
    example = read_examples(write_lines(tmp_path / "a.jsonl", {"prompt": prompt, **sides})).lines[0].example
    assert isinstance(example, PreferenceExample)
    assert isinstance(example.chosen, ChatExample)
    assert example.chosen.is_trained == (False, False, False, True)


def test_bad_lines_are_named_with_number_and_reason(tmp_path: Path) -> None:
    good = chat_line("hi", "ho")
    lines = [good, b"", b"{", b"[1]", b'{"messages": 1, "messages": 2}', b'{"a": NaN}', b"\xff", {"other": 1}, good]
    data = read_examples(write_lines(tmp_path / "a.jsonl", *lines, chat_line("alone")))
    assert [line.line_number for line in data.lines] == [1, 9]
    reasons = {bad.line_number: bad.reason for bad in data.bad}
    assert list(reasons) == [3, 4, 5, 6, 7, 8, 10]
    assert reasons[3].startswith("it is not JSON (Expecting property name")
    assert reasons[4] == "it is no JSON object"
    assert "'messages' is there twice" in reasons[5]
    assert "NaN is no JSON value" in reasons[6]
    assert reasons[7] == "it is not UTF-8 (byte 0)"
    assert reasons[8] == 'it lacks "messages"'
    assert reasons[10] == "it has no answer of the assistant to learn from"


def test_a_line_nested_too_deeply_is_a_bad_line(tmp_path: Path) -> None:
    data = read_examples(write_lines(tmp_path / "a.jsonl", {"text": "x"}, b'{"text":' * 100_000))
    assert [(bad.line_number, bad.reason) for bad in data.bad] == [(2, "it is nested too deeply")]


def test_mixed_formats_are_refused(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", chat_line("hi", "ho"), {"text": "x"})
    with pytest.raises(TrainingDataError, match=r"mixes formats: line 1 is chat \(messages\), line 2 is text") as error:
        read_examples(path)
    assert error.value.line_number == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no examples: it is empty"),
        (b"\n\n", "no examples: it is empty"),
        (b"[{}]", "jq -c"),
        (b"{\n{\n", "none of its 2 lines can be read. Line 1: it is not JSON"),
        (b'{"question": "a"}', 'keys "question" are of no known format'),
        (b"{}", "no keys are of no known format"),
        (b" " * (MAX_LINE_BYTES + 1), "16 MiB in line 1"),
    ],
)
def test_a_file_that_is_no_data_is_refused_in_a_sentence(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(TrainingDataError, match=words):
        read_examples(tmp_path / "a.jsonl")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match=r"gone\.jsonl cannot be read: No such file"):
        read_examples(tmp_path / "gone.jsonl")


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    data = read_examples(write_lines(tmp_path / "a.jsonl", b'\xef\xbb\xbf{"text": "x"}'))
    assert data.lines[0].example == PlainTextExample(text="x")


def test_keys_that_are_not_read_are_listed(tmp_path: Path) -> None:
    data = read_examples(write_lines(tmp_path / "a.jsonl", {"text": "x", "id": 1}, {"text": "y", "meta": {}}))
    assert data.ignored_keys == ("id", "meta")


def test_fields_say_what_a_file_calls_its_keys(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "a.jsonl", {"question": "2 + 2?", "answer": "4", "prompt": "another"}, {"answer": "4"}
    )
    data = read_examples(path, fields={"prompt": "question", "completion": "answer"})
    assert data.lines[0].example == CompletionExample(prompt="2 + 2?", completion="4")
    assert data.bad[0].reason == 'it lacks "question"'
    with pytest.raises(ValueError, match="No format has the field 'promt'"):
        read_examples(path, fields={"promt": "question"})


def test_gsm8k_is_read_with_its_own_fields() -> None:
    path = shared_data("gsm8k/train-2000.jsonl")
    with pytest.raises(TrainingDataError, match=r'"question", "answer" are of no known format.*--fields'):
        read_examples(path)
    data = read_examples(path, fields={"prompt": "question", "completion": "answer"})
    assert (data.format, len(data.lines), data.bad, data.ignored_keys) == ("completion", 2000, (), ())


def test_a_chat_keeps_its_tools(tmp_path: Path) -> None:
    tools = [{"type": "function", "function": {"name": "add"}}]
    example = read_examples(write_lines(tmp_path / "a.jsonl", chat_line("hi", "ho", tools=tools))).lines[0].example
    assert example == read_chat(chat_line("hi", "ho")["messages"], tools)
