"""Multiple choice: the three ways to choose differ as they should."""

import math

import pytest

from eval.metrics import choice_accuracy


def shares(*question) -> tuple[float, float, float]:
    logprobs, choices, answer = question
    found = choice_accuracy([logprobs], [choices], [answer])
    return found.acc.value, found.acc_norm.value, found.acc_bytes.value


def test_a_long_choice_wins_by_length_alone() -> None:
    # -4 against -6 as they are; -2 against -1 a character
    assert shares((-4.0, -6.0), ("no", "indeed"), 1) == (0, 1, 1)
    assert shares((-4.0, -6.0), ("no", "indeed"), 0) == (1, 0, 0)


def test_characters_and_bytes_differ_in_chinese() -> None:
    # a character: -1.5 against -1; a byte: -0.5 against -1
    assert shares((-3.0, -2.0), ("北京", "ok"), 0) == (0, 0, 1)


def test_of_equal_choices_the_first_is_taken() -> None:
    assert shares((-1.0, -1.0), ("a", "b"), 0) == (1, 1, 1)


def test_an_impossible_choice_is_not_chosen() -> None:
    assert shares((-math.inf, -9.0), ("a", "b"), 1) == (1, 1, 1)


def test_shares_are_over_questions_with_an_interval() -> None:
    found = choice_accuracy([(-1, -2), (-2, -1), (-1, -3)], [("a", "b")] * 3, [0, 0, 0])
    assert found.acc.value == pytest.approx(2 / 3)
    assert (found.acc.n, found.acc.method) == (3, "Wilson interval")
    assert (
        "2 clusters"
        in choice_accuracy([(-1, -2)] * 2 + [(-2, -1)], [("a", "b")] * 3, [0] * 3, clusters="xxy").acc.method
    )


@pytest.mark.parametrize(
    ("logprobs", "choices", "answers", "message"),
    [
        ([(-1, -2)], [("a", "b")], [0, 1], "1 questions, choices for 1 and 2 answers"),
        ([], [], [], "each question needs all three"),
        ([(-1,)], [("a", "b")], [0], "Question 0 has 2 choices, 1 log-probabilities"),
        ([(-1, -2)], [("a", "b")], [2], "the answer 2"),
        ([(-1, -2)], [("a", "")], [0], "Choice 1 of question 0 is empty"),
        ([(-1, math.nan)], [("a", "b")], [0], "each must be a number"),
    ],
)
def test_questions_that_do_not_fit_together_are_refused(logprobs, choices, answers, message) -> None:
    with pytest.raises(ValueError, match=message):
        choice_accuracy(logprobs, choices, answers)
