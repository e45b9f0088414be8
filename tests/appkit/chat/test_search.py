"""Messages are found by their words, in Chinese too, whatever a query is made of."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appkit import ConversationStore, Message
from appkit.chat.search import SNIPPET_LEN, snippet


def user(text: str) -> Message:
    return Message(role="user", content=text)


@pytest.fixture
def store(tmp_path: Path):
    with ConversationStore(tmp_path / "c.db") as opened:
        yield opened


def found(store: ConversationStore, query: str) -> list[tuple[str, int, bool]]:
    return [(hit.conversation.id, hit.position, hit.is_on_trunk) for hit in store.search(query)]


def test_words_are_found_in_any_form_and_in_chinese(store: ConversationStore) -> None:
    english = store.create(model="m", messages=[user("hello"), user("Connecting the printers over Wi-Fi")])
    chinese = store.create(model="m", messages=[user("如何设置代理服务器？")])
    assert found(store, "printer connection") == [(english.id, 1, True)]
    assert found(store, "代理服务器") == [(chinese.id, 0, True)]
    assert found(store, "服务器") == [(chinese.id, 0, True)]
    assert found(store, "nowhere") == []
    hit = store.search("printers")[0]
    assert (hit.role, hit.snippet) == ("user", "Connecting the printers over Wi-Fi")


def test_the_message_with_more_of_the_words_comes_first(store: ConversationStore) -> None:
    store.create(model="m", messages=[user("red apples are sweet"), user("red wine"), user("green tea")])
    assert [position for _, position, _ in found(store, "sweet red apples")] == [0, 1]


def test_a_branch_left_behind_is_found_and_marked(store: ConversationStore) -> None:
    talk = store.create(model="m", messages=[user("apples"), user("bananas")])
    store.truncate(talk.id, 1)
    assert found(store, "bananas") == [(talk.id, 1, False)]
    fork = store.fork(talk.id)
    store.append(fork.id, [user("bananas")])
    assert found(store, "bananas") == [(fork.id, 1, True)]  # where it is part of the conversation, it is shown there


@pytest.mark.parametrize(
    "query",
    [
        *('"', '""', "'", "apples AND", "NOT apples", "apples OR (", "words:apples", "apples*", "^apples", "NEAR(a b)"),
        *("\x00", "-", "{a b}:", "\ud83d", "a" * 100_000, "; DROP TABLE nodes", "🎉", "   ", "%", "\\"),
    ],
)
def test_a_query_is_only_words(store: ConversationStore, query: str) -> None:
    store.create(model="m", messages=[user("apples and pears")])
    assert len(store.search(query)) <= 1
    assert len(store.search("apples " + query)) == 1


@settings(max_examples=60, deadline=None)
@given(query=st.text(max_size=40), text=st.text(max_size=60))
def test_any_query_over_any_text(query: str, text: str) -> None:
    import tempfile

    content = text.encode("utf-8", "replace").decode()
    with tempfile.TemporaryDirectory() as folder, ConversationStore(Path(folder) / "c.db") as store:
        store.create(model="m", messages=[user(content), user("apples " + content)])
        assert 1 in [hit.position for hit in store.search("apples " + query)]


def test_a_snippet_shows_the_part_with_the_words() -> None:
    text = "intro " * 100 + "the happy end of the story " + "outro " * 100
    shown = snippet(text, ["happi", "end"])
    assert "the happy end of the story" in shown
    assert shown[0] == shown[-1] == "…"
    assert len(shown) <= SNIPPET_LEN + 2
    assert snippet("short\n text", ["none"]) == "short text"
    assert snippet("", ["a"]) == ""


def test_limit_bounds_the_hits(store: ConversationStore) -> None:
    store.create(model="m", messages=[user(f"apples {n}") for n in range(30)])
    assert (len(store.search("apples")), len(store.search("apples", limit=7))) == (20, 7)
    with pytest.raises(ValueError, match="limit is 0"):
        store.search("apples", limit=0)
