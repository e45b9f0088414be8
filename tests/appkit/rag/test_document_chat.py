"""A follow-up question is searched for together with what it leans on."""

import pytest

from appkit.rag.document_chat import DocumentChat, leans_on_previous
from appkit.rag.index import Index


@pytest.mark.parametrize(
    "text",
    ["And for pumps?", "Why is that?", "How much does it cost?", "price?", "那水泵呢？", "它多少钱？", "为什么？"],
)
def test_a_short_question_that_refers_back_leans_on_the_one_before(text: str) -> None:
    assert leans_on_previous(text)


@pytest.mark.parametrize(
    "text",
    [
        "How long is the warranty of the pump?",
        "What colours can the pumps be ordered in and is it possible to change that later?",
        "水泵的保修期是多长时间？",
    ],
)
def test_a_question_that_says_what_it_is_about_stands_alone(text: str) -> None:
    assert not leans_on_previous(text)


class Recorder(Index):
    """Notes what it is asked and answers nothing."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []

    def stream(self, question, *, query=None, **options):  # type: ignore[no-untyped-def, override]
        self.asked.append((question, query))


def test_a_follow_up_is_searched_with_the_words_before_it_and_asked_as_it_is() -> None:
    index = Recorder()
    chat = DocumentChat(index)
    chat.stream("How long is the warranty of heaters?")
    chat.stream("And for pumps?")
    chat.stream("What colours can be ordered?")
    assert index.asked == [
        ("How long is the warranty of heaters?",) * 2,
        ("And for pumps?", "How long is the warranty of heaters? And for pumps?"),
        ("What colours can be ordered?",) * 2,
    ]


def test_after_a_reset_nothing_is_leaned_on() -> None:
    chat = DocumentChat(Recorder())
    chat.stream("How long is the warranty of heaters?")
    chat.reset()
    assert chat.query_for("And for pumps?") == "And for pumps?"
