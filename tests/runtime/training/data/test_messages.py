"""Conversations of data files: what is read of them, and what is refused with which words."""

from typing import Any

import pytest

from runtime.training.data.messages import read_chat

USER, ANSWER = {"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "4"}
SYSTEM = {"role": "system", "content": "Be brief."}
CALL = {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "add", "arguments": '{"a": 2}'}}]}
RESULT = {"role": "tool", "content": "4", "tool_call_id": "1"}


def test_answers_are_trained_unless_a_message_says_otherwise() -> None:
    chat = read_chat([SYSTEM, USER, {**ANSWER, "train": False}, USER, ANSWER, USER, {**ANSWER, "weight": 0}])
    assert chat.is_trained == (False, False, False, False, True, False, False)
    assert all(set(message) == {"role", "content"} for message in chat.messages)


def test_arguments_that_are_json_text_become_an_object() -> None:
    chat = read_chat([USER, CALL, RESULT, ANSWER], [{"type": "function", "function": {"name": "add"}}])
    assert chat.messages[1]["tool_calls"][0]["function"] == {"name": "add", "arguments": {"a": 2}}
    assert chat.messages[1]["content"] == ""
    assert chat.is_trained == (False, True, False, True)


def test_parts_of_text_are_joined_and_developer_is_system() -> None:
    parts = [{"type": "text", "text": "2 +"}, {"type": "text", "text": " 2?"}]
    chat = read_chat([{**SYSTEM, "role": "developer"}, {"role": "user", "content": parts}, ANSWER])
    assert [message["role"] for message in chat.messages] == ["system", "user", "assistant"]
    assert chat.messages[1]["content"] == "2 + 2?"


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ("hello", '"messages" is not a list of messages'),
        ([], '"messages" is not a list of messages'),
        ([USER, ANSWER] * 501, "it has 1,002 messages, and 1,000 are allowed"),
        (["hello"], "message 1 is no object"),
        ([USER, {"role": "bot", "content": "4"}], "message 2 has the role 'bot'; there are system, user"),
        ([USER, {"role": ["assistant"]}], "message 2 has the role"),
        ([ANSWER, USER], "out of order: message 1, of the assistant, opens the conversation"),
        ([USER, USER, ANSWER], "out of order: message 2, of the user, comes after one of the user"),
        ([USER, ANSWER, ANSWER], "out of order: message 3, of the assistant, comes after one of the assistant"),
        ([USER, ANSWER, SYSTEM], "out of order: message 3, of the system, .* only user or tool may speak"),
        ([USER, ANSWER, RESULT, ANSWER], "message 3 is a tool's, but message 2 calls none"),
        ([USER, {"role": "assistant", "content": " \n"}], "message 2, an answer, is empty"),
        ([USER, {"role": "assistant", "content": None}], "message 2, an answer, is empty"),
        ([{"role": "user", "content": 4}, ANSWER], '"content" of message 1 is 4, not text'),
        ([{"role": "user", "content": [{"type": "image"}]}, ANSWER], "message 1 has a part that is not text"),
        ([SYSTEM, USER], "no answer of the assistant to learn from"),
        ([USER, {**ANSWER, "train": False}], "no answer of the assistant to learn from"),
        ([USER, {**ANSWER, "train": "no"}], '"train" of message 2'),
        ([USER, {**ANSWER, "train": True, "weight": 0}], '"train" of message 2'),
        ([USER, {**ANSWER, "weight": 0.5}], '"train" of message 2'),
        ([{**CALL, "role": "user"}, ANSWER], "message 1 is the user's and has tool_calls"),
        ([USER, {"role": "assistant", "tool_calls": [{"function": {}}]}], "message 2 has a call without the name"),
        (
            [USER, {"role": "assistant", "tool_calls": [{"name": "f", "arguments": '{"a": NaN}'}]}],
            "message 2 calls 'f' with arguments that are no JSON object",
        ),
    ],
)
def test_what_is_no_conversation_is_named(messages: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_chat(messages)


@pytest.mark.parametrize("tools", ["add", [1], [{"function": {}}], [{"type": "function"}], {"name": "add"}])
def test_tools_that_are_no_schemas_are_refused(tools: Any) -> None:
    with pytest.raises(ValueError, match='"tools"'):
        read_chat([USER, ANSWER], tools)
