"""An answer is read from the last line, or there is none; equal answers count as equal."""

import pytest

from appkit.reasoning import AnswerLine, number_answer, plain_answer


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("42", "42"),
        ("$1,234.50 a day", "1234.5"),
        ("-3", "-3"),
        ("２万", "20000"),
        ("2 million", "2000000"),
        ("1e3", "1000"),
        ("3 or 4", None),
        ("1,5", None),
        ("none", None),
        ("9" * 41, None),
    ],
)
def test_a_number_is_read_only_where_there_is_exactly_one(text: str, number: str | None) -> None:
    assert number_answer(text) == number


def test_plain_answers_are_equal_whatever_their_dress() -> None:
    assert plain_answer(' **"Paris"**. ') == plain_answer("paris") == "paris"
    assert plain_answer(" . ") is None


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        ("2 + 2 is 4.\nAnswer: 4", "2 + 2 is 4.", "4"),
        ("So.\n**answer：** 4 \n", "So.", "4"),
        ("Answer: 4\nWell.", "Answer: 4\nWell.", None),
        ("It is 4.", "It is 4.", None),
        ("So.\nAnswer: four", "So.\nAnswer: four", None),
    ],
)
def test_the_last_line_alone_is_read(text: str, reasoning: str, answer: str | None) -> None:
    assert AnswerLine.number().split(text) == (reasoning, answer)


def test_a_choice_is_one_of_its_words() -> None:
    line = AnswerLine.choice(("yes", "no"))
    assert line.split("So.\nAnswer: Yes.")[1] == "Yes."
    assert line.normalise("Yes.") == "yes"
    assert line.split("So.\nAnswer: maybe")[1] is None
    with pytest.raises(ValueError, match="different words"):
        AnswerLine.choice(("yes", "Yes"))


def test_a_label_must_say_something() -> None:
    with pytest.raises(ValueError, match="give the words"):
        AnswerLine(label=": ")
