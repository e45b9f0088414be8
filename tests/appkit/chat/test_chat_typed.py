"""`Chat.ask`: typed answers within a conversation."""

from pathlib import Path
from typing import Annotated

import pytest
from pydantic import AfterValidator, BaseModel

from appkit import Chat, ConversationStore, OutputParseError, ScriptedModel, open_model
from appkit.structured import Retry
from tests.helpers.real_models import real_model


class Person(BaseModel):
    name: str
    age: int


def _even(number: int) -> int:
    if number % 2:
        raise Retry(f"{number} is odd.")
    return number


Even = Annotated[int, AfterValidator(_even)]


def test_an_answer_is_a_value_and_a_turn() -> None:
    model = ScriptedModel(["Hello.", '{"name":"Ann","age":3}', "Bye."])
    chat = Chat(model)
    chat.send("Hi!")
    assert chat.ask("Who is it?", Person) == Person(name="Ann", age=3)
    chat.send("Thanks.")
    said = [message.content for message in chat.messages]
    assert said[2].startswith("Who is it?\n\nAnswer with JSON")
    assert said[3:] == ['{"name":"Ann","age":3}', "Thanks.", "Bye."]
    assert chat.messages[3].token_ids == tuple(map(ord, said[3]))
    assert model.requests[1].constraint is not None
    assert model.requests[2].constraint is None


@pytest.mark.parametrize("memory", [None, ()])
def test_a_try_that_failed_is_told_and_not_kept(memory: tuple[()] | None, tmp_path: Path) -> None:
    model = ScriptedModel(["3", "5", "6"])
    with ConversationStore(tmp_path / "chats.db") as store:
        chat = Chat(model, store=store, memory=memory)
        assert chat.ask("An even number?", Even) == 6
        assert [message.content for message in chat.messages][1:] == ["6"]
        assert Chat(model, store=store, conversation=chat.conversation_id).messages == chat.messages
    asked = [message.content for message in model.requests[2].prompt]  # type: ignore[union-attr]
    assert asked[1] == "5"
    assert "5 is odd." in asked[2]


def test_where_the_tries_are_spent_the_conversation_is_as_it_was() -> None:
    model = ScriptedModel(["Hello.", "3", "5"])
    chat = Chat(model)
    chat.send("Hi!")
    before = chat.messages
    with pytest.raises(OutputParseError, match="no usable int in 2 tries"):
        chat.ask("An even number?", Even, tries=2)
    assert chat.messages == before


def test_a_try_that_raises_leaves_nothing_behind() -> None:
    chat = Chat(ScriptedModel(["3"]))  # the second try finds the script at its end
    with pytest.raises(Exception, match="asked 2 times"):
        chat.ask("An even number?", Even)
    assert chat.messages == ()
    with pytest.raises(ValueError, match="tries is 0"):
        chat.ask("?", int, tries=0)


def test_a_real_model_answers_in_the_conversation() -> None:
    with open_model(str(real_model("smollm2-135m"))) as model:
        chat = Chat(model)
        chat.send("My name is Maria and I am 34 years old.", max_tokens=16)
        found = chat.ask("Who am I?", Person, max_tokens=40, temperature=0.0)
        assert isinstance(found, Person)
        assert len(chat.messages) == 4
        assert chat.messages[-1].token_ids
