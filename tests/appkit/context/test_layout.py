"""What changes least stands first, in one system message; the question stands last."""

import pytest

from appkit import Message
from appkit.context import Item, default_layout

ASK = Message(role="user", content="And then?")


def system(text: str) -> Message:
    return Message(role="system", content=text)


def test_every_section_has_its_place() -> None:
    pair = (Message(role="user", content="2+2"), Message(role="assistant", content="4"))
    said = (Message(role="user", content="Hello"), Message(role="assistant", content="Hi"))
    kept = {
        "question": (Item(id="q", text="How long?"),),
        "passages": (Item(id="1", text="[1] Two years."), Item(id="2", text="[2] Blue.")),
        "history": (Item(id="turn 1", messages=said),),
        "memory": (Item(id="m", text="The user is called Wei."),),
        "examples": (Item(id="e", messages=pair),),
        "system": (Item(id="s", text="Be brief."),),
    }
    question = Message(role="user", content="[1] Two years.\n\n[2] Blue.\n\nHow long?")
    assert default_layout(kept) == [system("Be brief.\n\nThe user is called Wei."), *pair, *said, question]


def test_system_messages_become_one() -> None:
    summary = Item(id="summary", messages=(system("Earlier: greetings."),))
    kept = {"history": (summary,), "system": (Item(id="s", messages=(system("Be brief."),)),)}
    assert default_layout(kept) == [system("Be brief.\n\nEarlier: greetings.")]


def test_an_empty_system_message_is_shown_and_a_missing_one_is_not_made_up() -> None:
    question = {"question": (Item(id="q", messages=(ASK,)),)}
    assert default_layout(question) == [ASK]
    assert default_layout({**question, "system": (Item(id="s", messages=(system(""),)),)}) == [system(""), ASK]


def test_passages_stand_in_front_of_a_question_that_is_a_message() -> None:
    kept = {"passages": (Item(id="1", text="Two years."),), "question": (Item(id="q", messages=(ASK,)),)}
    assert default_layout(kept) == [Message(role="user", content="Two years.\n\nAnd then?")]


def test_passages_without_a_question_are_a_message() -> None:
    assert default_layout({"passages": (Item(id="1", text="Two years."),)}) == [
        Message(role="user", content="Two years.")
    ]


def test_an_unknown_section_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for the section 'facts'"):
        default_layout({"facts": ()})
