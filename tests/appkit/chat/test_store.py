"""Conversations on disk: what was said comes back, forks share it, nothing is lost but what is deleted."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appkit import ConversationNotice, ConversationStore, Message, ToolCall
from appkit.errors import ConversationError, ConversationNotFoundError

QUESTION = Message(role="user", content="如何设置代理服务器？")
ANSWER = Message(role="assistant", content="Set http_proxy. 🎉", token_ids=(0, 127, 128, 49151, 262143, 2**31 - 1))


def user(text: str) -> Message:
    return Message(role="user", content=text)


def contents(store: ConversationStore, conversation_id: str) -> list[str]:
    return [message.content for message in store.messages(conversation_id)]


def count(store: ConversationStore, table: str) -> int:
    return int(store._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


@pytest.fixture
def store(tmp_path: Path):
    with ConversationStore(tmp_path / "new folder" / "conversations.db") as opened:
        yield opened


def test_a_conversation_comes_back_as_it_was_in_another_session(tmp_path: Path) -> None:
    call = ToolCall(name="weather", arguments={"city": "Zürich", "days": [1, {"deep": None}]}, id="c1")
    messages = (
        QUESTION,
        Message(role="assistant", content="", tool_calls=(call,), token_ids=(5,)),
        Message(role="tool", content="rain\x00\r\n", name="weather", tool_call_id="c1"),
        ANSWER,
        user(""),
    )
    with ConversationStore(tmp_path / "c.db") as store:
        conversation = store.create(model="m", system="Sei kurz.", title="Tïtle 标题")
        store.append(conversation.id, messages)
    with ConversationStore(tmp_path / "c.db") as store:
        found = store.get(conversation.id)
        assert (found.model, found.system, found.title, found.num_messages) == ("m", "Sei kurz.", "Tïtle 标题", 5)
        assert store.messages(conversation.id) == messages
        assert [m.token_ids for m in store.messages(conversation.id)] == [m.token_ids for m in messages]
        assert timedelta(0) <= datetime.now(UTC) - found.created < timedelta(minutes=1)


def test_a_new_store_is_for_its_owner_alone(store: ConversationStore) -> None:
    store.create(model="m", messages=[QUESTION])
    for path in store.path.parent.iterdir():  # the file, and the log beside it
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_conversations_have_in_common_is_stored_once(store: ConversationStore) -> None:
    first = store.create(model="m", messages=[QUESTION, ANSWER, user("more"), ANSWER])
    store.fork(first.id, 3)
    store.create(model="other", messages=[QUESTION, ANSWER])
    assert count(store, "nodes") == 4  # the same after the same is one node
    assert count(store, "bodies") == 3  # said twice, stored once


def test_the_same_text_in_other_tokens_keeps_each_ones_ids(store: ConversationStore) -> None:
    ids = [(1, 2), (3,)]
    conversations = [
        store.create(model="m", messages=[QUESTION, Message(role="assistant", content="Yes.", token_ids=i)])
        for i in ids
    ]
    assert [store.messages(c.id)[1].token_ids for c in conversations] == ids
    assert count(store, "bodies") == 2


def test_a_fork_goes_its_own_way(store: ConversationStore) -> None:
    first = store.create(model="m", system="s", title="t", messages=[user("a"), user("b"), user("c")])
    second = store.fork(first.id, 2)
    store.append(second.id, [user("d")])
    assert contents(store, first.id) == ["a", "b", "c"]
    assert contents(store, second.id) == ["a", "b", "d"]
    assert (second.system, second.title, second.num_messages) == ("s", "t", 2)
    with pytest.raises(ValueError, match="has 3 messages, so it has no place after 4"):
        store.fork(first.id, 4)


def test_going_back_keeps_a_branch_that_can_be_restored(store: ConversationStore) -> None:
    talk = store.create(model="m", messages=[user("a"), user("b"), user("c")])
    store.truncate(talk.id, 2)
    store.truncate(talk.id, 1)  # no second branch: the first one goes through here
    assert contents(store, talk.id) == ["a"]
    assert [(b.num_messages, b.last_message) for b in store.branches(talk.id)] == [(3, "c")]
    store.append(talk.id, [user("x")])
    back = store.restore(talk.id, store.branches(talk.id)[0].head)
    assert (contents(store, talk.id), back.num_messages) == (["a", "b", "c"], 3)
    assert [b.last_message for b in store.branches(talk.id)] == ["x"]
    with pytest.raises(ValueError, match="has no branch 99"):
        store.restore(talk.id, 99)


def test_saying_the_same_again_after_going_back_leaves_no_branch(store: ConversationStore) -> None:
    talk = store.create(model="m", messages=[user("a"), user("b")])
    store.truncate(talk.id, 0)
    store.append(talk.id, [user("a"), user("b")])
    assert (contents(store, talk.id), store.branches(talk.id), count(store, "nodes")) == (["a", "b"], [], 2)


def test_deleting_takes_what_only_it_holds_out_of_the_file(store: ConversationStore) -> None:
    shared = user("shared by both")
    secret = store.create(model="m", messages=[shared, user("secret-one"), user("secret-two")])
    other = store.fork(secret.id, 1)
    store.truncate(secret.id, 2)
    store.append(secret.id, [user("secret-three")])
    store.put_note(secret.id, "summary", "secret-four", num_messages=2)
    store.delete(secret.id)
    assert [c.id for c in store.list()] == [other.id]
    assert contents(store, other.id) == ["shared by both"]
    assert (count(store, "nodes"), count(store, "bodies"), count(store, "body_words"), count(store, "notes")) == (
        1,
        1,
        1,
        0,
    )
    assert store.search("secret") == []
    for path in store.path.parent.iterdir():
        assert b"secret-" not in path.read_bytes(), path


def test_ids_are_found_by_their_beginning_and_near_ones_are_named(store: ConversationStore) -> None:
    with pytest.raises(ConversationNotFoundError, match="the store is empty"):
        store.get("abc")
    for conversation_id in ("abcd2345", "abce2345"):
        store.create(model="m", conversation_id=conversation_id)
    assert store.get(" ABCD ").id == "abcd2345"
    with pytest.raises(ConversationNotFoundError, match="Several conversations begin with 'abc': abcd2345, abce2345"):
        store.get("abc")
    with pytest.raises(ConversationNotFoundError, match="no conversation 'abcx2345'; the nearest are abc"):
        store.get("abcx2345")
    for hostile in ("", "%", "abc%", "'; DROP TABLE nodes; --", "\x00"):
        with pytest.raises(ConversationNotFoundError):
            store.get(hostile)


def test_the_list_begins_with_what_was_gone_on_with_last(store: ConversationStore) -> None:
    assert (store.latest(), store.list()) == (None, [])
    first, second = (store.create(model="m", title=title) for title in "ab")
    assert [c.id for c in store.list()] == [second.id, first.id]
    store.append(first.id, [QUESTION])
    store.rename(second.id, "renamed")
    assert [(c.id, c.title) for c in store.list()] == [(first.id, "a"), (second.id, "renamed")]
    assert store.latest() == store.get(first.id)
    assert [c.id for c in store.list(limit=1, offset=1)] == [second.id]
    with pytest.raises(ValueError, match="limit is 0"):
        store.list(limit=0)


def test_an_append_onto_a_head_that_was_moved_loses_neither_line(store: ConversationStore) -> None:
    talk = store.create(model="m", messages=[user("a")])
    store.append(talk.id, [user("by the other")])
    with pytest.warns(ConversationNotice, match=f"Conversation {talk.id} was gone on with elsewhere"):
        ours = store.append(talk.id, [user("by us")], expected_head=talk.head)
    assert ours.id != talk.id
    assert contents(store, talk.id) == ["a", "by the other"]
    assert contents(store, ours.id) == ["a", "by us"]


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (user("half \ud83d of it"), r"'\\ud83d' at character 5, half of a character"),
        (Message(role="robot", content="x"), "role 'robot'; it can be system, user"),  # type: ignore[arg-type]
        (Message(role="assistant", content="x", token_ids=(-1,)), "-1 is no token id"),
        (Message(role="assistant", content="x", token_ids=(2**31,)), "is no token id"),
        (user("x" * (16 << 20 | 1)), "too long to keep"),
        (
            Message(role="assistant", content="", tool_calls=(ToolCall(name="a", arguments={"x": float("nan")}),)),
            "cannot be written as JSON",
        ),
    ],
)
def test_a_message_that_cannot_be_stored_leaves_the_conversation_as_it_was(
    store: ConversationStore, message: Message, says: str
) -> None:
    talk = store.create(model="m", messages=[QUESTION])
    with pytest.raises(ValueError, match=says):
        store.append(talk.id, [ANSWER, message])
    assert store.get(talk.id) == talk


def test_a_note_is_about_the_messages_it_was_made_of_in_every_fork(store: ConversationStore) -> None:
    talk = store.create(model="m", messages=[user("a"), user("b"), user("c")])
    store.put_note(talk.id, "summary", "about two", num_messages=2)
    assert store.note(talk.id, "summary") == (2, "about two")
    assert store.note(talk.id, "summary", num_messages=1) is None
    assert store.note(store.fork(talk.id).id, "summary") == (2, "about two")
    store.truncate(talk.id, 1)
    assert store.note(talk.id, "summary") is None
    with pytest.raises(ValueError, match="at least 1"):
        store.put_note(talk.id, "summary", "of nothing", num_messages=0)


def test_a_closed_store_says_so(store: ConversationStore) -> None:
    store.close()
    store.close()
    with pytest.raises(ConversationError, match="was closed"):
        store.list()
