"""A question's kind is seen from its words, and a sentence's fitness from its looks."""

import pytest

from appkit.rag.answer_types import answer_type, answer_type_hint


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("when was the pump installed", "time"),
        ("泵是什么时候安装的？", "time"),
        ("how long is the warranty", "quantity"),
        ("保修期是多久？", "quantity"),
        ("who designed it", "person"),
        ("谁设计的？", "person"),
        ("where is mount logan", "place"),
        ("说明书在哪里？", "place"),
        ("why does it stop", "reason"),
        ("为什么会停？", "reason"),
        ("what is a heat pump", "definition"),
        ("什么是热泵？", "definition"),
    ],
)
def test_a_question_asks_for_a_kind_of_thing(question: str, name: str) -> None:
    kind = answer_type(question)
    assert kind is not None
    assert kind.name == name


@pytest.mark.parametrize(
    ("question", "fits", "misses"),
    [
        ("when was it built", "It was built in 1871.", "It was built of stone."),
        ("什么时候安装？", "2021年3月安装。", "安装很简单。"),
        ("how many pumps", "There are four pumps.", "There are many pumps."),
        ("有多少台？", "共有三台。", "机器很大。"),
        ("who built it", "It was built by John Rennie.", "It was built of stone."),
    ],
)
def test_a_sentence_that_holds_the_kind_is_told_from_one_that_does_not(question: str, fits: str, misses: str) -> None:
    kind = answer_type(question)
    assert (answer_type_hint(kind, fits), answer_type_hint(kind, misses)) == (1.0, -1.0)


def test_a_question_of_no_known_kind_gives_no_hint() -> None:
    assert answer_type("tell me about pumps") is None
    assert answer_type_hint(None, "Pumps move water.") == 0.0
