"""A history becomes items that never part a tool call from its result; sections refuse rules that make no sense."""

from typing import Any

import pytest

from appkit import Message, ToolCall
from appkit.context import Item, Section, turns


def user(text: str) -> Message:
    return Message(role="user", content=text)


def assistant(text: str, *call_ids: str) -> Message:
    calls = tuple(ToolCall(name="look_up", arguments={}, id=call_id) for call_id in call_ids)
    return Message(role="assistant", content=text, tool_calls=calls)


def result(text: str, call_id: str = "") -> Message:
    return Message(role="tool", content=text, name="look_up", tool_call_id=call_id)


def contents(items: tuple[Item, ...]) -> list[list[str]]:
    return [[message.content for message in item.messages] for item in items]


def test_a_turn_is_a_question_with_all_up_to_the_next() -> None:
    history = [user("a"), assistant("b", "1"), result("c", "1"), assistant("d"), user("e"), assistant("f")]
    assert contents(turns(history)) == [["a", "b", "c", "d"], ["e", "f"]]
    assert [item.id for item in turns(history)] == ["turn 1", "turn 2"]


def test_a_turn_has_the_same_id_when_the_history_has_grown() -> None:
    history = [user("a"), assistant("b"), user("c"), assistant("d")]
    assert turns([*history, user("e")])[:2] == turns(history)


@pytest.mark.parametrize("call_id", ["1", ""])
def test_a_result_that_comes_a_question_later_joins_the_two_turns(call_id: str) -> None:
    history = [user("a"), assistant("b", call_id), user("hurry"), result("c", call_id), user("d")]
    assert contents(turns(history)) == [["a", "b", "hurry", "c"], ["d"]]


def test_results_out_of_order_stay_with_their_calls() -> None:
    history = [user("a"), assistant("b", "1", "2"), result("d", "2"), user("e"), result("c", "1"), user("f")]
    assert contents(turns(history)) == [["a", "b", "d", "e", "c"], ["f"]]


def test_a_call_without_result_and_a_result_without_call_join_nothing() -> None:
    history = [user("a"), assistant("b", "1"), user("c"), result("d", "9"), user("e")]
    assert contents(turns(history)) == [["a", "b"], ["c", "d"], ["e"]]


def test_a_greeting_before_the_first_question_is_an_item() -> None:
    assert contents(turns([assistant("hello"), user("a")])) == [["hello"], ["a"]]
    assert turns([]) == ()


def test_a_system_message_in_the_history_is_refused() -> None:
    with pytest.raises(ValueError, match=r"messages\[1\] is a system message"):
        turns([user("a"), Message(role="system", content="b")])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"overflow": "truncate"}, "overflow is 'truncate'"),
        ({"min_tokens": -1}, "minimum <= maximum"),
        ({"min_tokens": 5, "max_tokens": 4}, "minimum <= maximum"),
        ({"drop_to": 1.5}, "a share from 0 to 1"),
        ({"name": "question", "overflow": "drop_last"}, "'question' is never dropped"),
        ({"name": "system", "overflow": "drop_oldest"}, "'system' is never dropped"),
        ({"overflow": "summarise", "max_tokens": 9}, "go together"),
        ({"summarise": lambda items, limit: items[0]}, "go together"),
        ({"overflow": "summarise", "summarise": lambda items, limit: items[0]}, "give max_tokens"),
        ({"summary": Item(id="s", text="…")}, "before keep_from"),
        ({"items": (Item(id="a"), Item(id="b"), Item(id="a"))}, "two items with the id 'a'"),
    ],
)
def test_a_section_refuses_what_makes_no_sense(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Section(**{"name": "history", "items": (), **changes})
