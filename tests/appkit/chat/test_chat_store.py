"""A chat in a store: every turn is on disk when it has ended, and another process goes on as if it had been there."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from appkit import Chat, ConversationNotice, ConversationStore, GenerationSettings, LocalModel, Message, ScriptedModel
from appkit.errors import AppkitError, ConversationError, ConversationNotFoundError
from tests.helpers.real_models import real_model
from tests.helpers.tiny_model import CHAT_TEMPLATE, write_tiny_model

PAGE_SIZE = 16  # tokens; the KV cache is found again in whole pages


@pytest.fixture
def store(tmp_path: Path):
    with ConversationStore(tmp_path / "c.db") as opened:
        yield opened


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    metadata = {"tokenizer.chat_template": CHAT_TEMPLATE, "llama.context_length": 4096}
    with LocalModel(write_tiny_model(path, metadata=metadata), num_threads=1) as model:
        yield model


def said(messages: tuple[Message, ...]) -> list[str]:
    return [message.content for message in messages]


def parrot() -> ScriptedModel:
    return ScriptedModel(lambda prompt: f"re: {prompt[-1].content}")  # type: ignore[union-attr]


def test_turns_are_stored_as_they_end_and_the_first_makes_the_conversation(store: ConversationStore) -> None:
    chat = Chat(parrot(), system="Be kind.", store=store)
    assert chat.conversation_id is not None
    assert store.list() == []
    chat.send("  Hello there\nand more")
    found = store.get(chat.conversation_id)
    assert (found.title, found.system, found.model) == ("Hello there", "Be kind.", "scripted")
    chat.send("b")
    assert store.messages(chat.conversation_id) == chat.messages
    assert store.get(chat.conversation_id).num_messages == 4


def test_without_a_store_there_is_no_id() -> None:
    assert Chat(parrot()).conversation_id is None
    with pytest.raises(ValueError, match="no store: give the store it is in"):
        Chat(parrot(), conversation="abc")


def test_a_conversation_is_gone_on_with_by_the_beginning_of_its_id(store: ConversationStore) -> None:
    first = Chat("scripted:a|b", system="Be kind.", store=store)
    first.send("x")
    assert first.conversation_id is not None
    again = Chat(store=store, conversation=first.conversation_id[:4])  # the model is the conversation's
    assert (again.conversation_id, again.system, again.model.name) == (first.conversation_id, "Be kind.", "scripted")
    again.system = "Be brief."
    again.send("y")
    assert said(store.messages(first.conversation_id)) == ["x", "a", "y", "a"]
    assert store.get(first.conversation_id).system == "Be brief."
    with pytest.raises(ConversationNotFoundError):
        Chat(parrot(), store=store, conversation="none")


def test_undo_edit_and_reset_lose_nothing(store: ConversationStore) -> None:
    chat = Chat(parrot(), store=store)
    for text in ("a", "b", "c"):
        chat.send(text)
    conversation_id = chat.conversation_id
    assert conversation_id is not None
    assert said(chat.undo()) == ["c", "re: c"]
    assert chat.edit("B").result().text == "re: B"
    assert said(chat.messages) == said(store.messages(conversation_id)) == ["a", "re: a", "B", "re: B"]
    assert sorted(b.last_message for b in store.branches(conversation_id)) == ["re: c"]  # "b" is on the way there
    with pytest.raises(ValueError, match="has 2 turns; 3 cannot be taken back"):
        chat.undo(3)
    assert said(chat.undo(2)) == ["a", "re: a", "B", "re: B"]
    with pytest.raises(ValueError, match="has 0 turns"):
        chat.edit("x")
    chat.reset()
    chat.send("new")
    assert chat.conversation_id != conversation_id
    assert len(store.list()) == 2


def test_without_a_store_undo_edit_and_fork_work_too() -> None:
    chat = Chat(parrot())
    for text in ("a", "b"):
        chat.send(text)
    fork = chat.fork(2)
    assert said(fork.messages) == ["a", "re: a"]
    chat.edit("B").result()
    fork.send("f")
    assert said(chat.messages) == ["a", "re: a", "B", "re: B"]
    assert said(fork.messages) == ["a", "re: a", "f", "re: f"]
    assert said(chat.undo(2)) == ["a", "re: a", "B", "re: B"]
    with pytest.raises(ValueError, match="has 0 messages"):
        chat.fork(1)


def test_a_fork_is_a_conversation_of_its_own(store: ConversationStore) -> None:
    chat = Chat(parrot(), system="s", store=store)
    chat.send("a")
    chat.send("b")
    fork = chat.fork(2)
    fork.send("f")
    assert fork.conversation_id not in (None, chat.conversation_id)
    assert said(store.messages(str(fork.conversation_id))) == ["a", "re: a", "f", "re: f"]
    assert said(store.messages(str(chat.conversation_id))) == ["a", "re: a", "b", "re: b"]
    assert fork.system == "s"


def test_an_edit_that_fails_leaves_the_conversation_as_it_was(store: ConversationStore) -> None:
    model = ScriptedModel(["one"])
    chat = Chat(model, store=store)
    chat.send("a")
    with pytest.raises(AppkitError, match="asked 2 times"):
        chat.edit("b").result()
    assert said(chat.messages) == said(store.messages(str(chat.conversation_id))) == ["a", "one"]


def test_a_turn_that_cannot_be_stored_fails_and_the_chat_goes_on(
    store: ConversationStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = Chat(parrot(), store=store)
    chat.send("a")
    with monkeypatch.context() as patch:
        patch.setattr(store, "append", lambda *_, **__: (_ for _ in ()).throw(ConversationError("the disk is full")))
        turn = chat.stream("b")
        assert next(turn) == "r"
        with pytest.raises(ConversationError, match="the disk is full"):
            list(turn)
        with pytest.raises(AppkitError, match="The turn failed: the disk is full"):
            turn.result()
    assert said(chat.messages) == ["a", "re: a"]
    chat.send("c")
    assert said(store.messages(str(chat.conversation_id))) == ["a", "re: a", "c", "re: c"]


@pytest.mark.parametrize("act", ["send", "undo", "edit", "fork"])
def test_what_another_process_added_is_kept_and_so_is_our_own_line(store: ConversationStore, act: str) -> None:
    ours = Chat(parrot(), store=store)
    ours.send("a")
    shared = str(ours.conversation_id)
    Chat(parrot(), store=store, conversation=shared).send("theirs")
    if act == "fork":
        ours = ours.fork()
    else:
        with pytest.warns(ConversationNotice, match=f"Conversation {shared} was gone on with elsewhere"):
            {"send": lambda: ours.send("b"), "undo": ours.undo, "edit": lambda: ours.edit("A").result()}[act]()
    expected = {"send": ["a", "re: a", "b", "re: b"], "undo": [], "edit": ["A", "re: A"], "fork": ["a", "re: a"]}[act]
    assert said(store.messages(shared)) == ["a", "re: a", "theirs", "re: theirs"]
    assert said(store.messages(str(ours.conversation_id))) == said(ours.messages) == expected
    ours.send("goes on without another notice")


def test_an_answer_is_stored_with_the_ids_it_was_said_in(store: ConversationStore, tiny: LocalModel) -> None:
    chat = Chat(tiny, settings=GenerationSettings(temperature=0.0, max_tokens=20), store=store)
    answer = chat.send("hello")
    assert store.messages(str(chat.conversation_id))[1].token_ids == answer.token_ids


def test_stored_ids_are_shown_again_where_the_text_would_be_encoded_otherwise(
    store: ConversationStore, tiny: LocalModel
) -> None:
    text = "the the the"
    bytewise = tuple(token for letter in text for token in tiny._model.tokenizer.encode(letter))
    assert len(bytewise) > len(tiny._model.tokenizer.encode(text))  # the vocabulary has merges for it
    said_in_bytes = Message(role="assistant", content=text, token_ids=bytewise)
    talk = store.create(model="tiny", messages=[Message(role="user", content="say it"), said_in_bytes])
    answer = Chat(tiny, store=store, conversation=talk.id).send("again", max_tokens=1)
    shown = answer.prompt_ids
    assert any(shown[n : n + len(bytewise)] == bytewise for n in range(len(shown)))


def test_a_reopened_conversation_finds_its_keys_and_values(store: ConversationStore, tiny: LocalModel) -> None:
    settings = GenerationSettings(temperature=0.0, max_tokens=24, ignore_eos=True)
    chat = Chat(tiny, settings=settings, store=store)
    chat.send("hello there")
    chat.send("tell me more about it")
    again = Chat(tiny, settings=settings, store=store, conversation=chat.conversation_id)
    live, reopened = chat.fork().send("and then?"), again.send("and then?")
    assert reopened.prompt_ids == live.prompt_ids
    assert reopened.usage.cached_tokens >= live.usage.prompt_tokens // PAGE_SIZE * PAGE_SIZE - PAGE_SIZE


FIRST_PROCESS = """
import json, sys
from pathlib import Path
from appkit import Chat, ConversationStore, GenerationSettings, LocalModel
store = ConversationStore(Path(sys.argv[1]))
chat = Chat(LocalModel(sys.argv[2]), settings=GenerationSettings(temperature=0.0, max_tokens=24), store=store)
chat.send("Name three colours of the rainbow.")
chat.send("And two fruits?")
print(json.dumps([chat.conversation_id, chat.fork().send("Thanks!").prompt_ids]))
"""


def test_a_second_process_shows_the_model_the_very_ids_the_first_would_have(tmp_path: Path) -> None:
    model, path = real_model("smollm2-135m"), tmp_path / "c.db"
    command = [sys.executable, "-c", FIRST_PROCESS, str(path), str(model)]
    first = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, timeout=300)
    conversation_id, expected = json.loads(first.stdout)
    settings = GenerationSettings(temperature=0.0, max_tokens=24)
    with LocalModel(model) as opened, ConversationStore(path) as store:
        chat = Chat(opened, settings=settings, store=store, conversation=conversation_id)
        answer = chat.send("Thanks!")
        assert list(answer.prompt_ids) == expected
        next_answer = chat.send("Good bye.")  # and from here on the cache is warm as ever
        known = len(answer.prompt_ids) + len(answer.token_ids) - 1
        assert next_answer.usage.cached_tokens >= known // PAGE_SIZE * PAGE_SIZE - PAGE_SIZE
