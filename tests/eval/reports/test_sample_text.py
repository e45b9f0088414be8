"""Values of samples as bounded texts; nothing is cut without its count."""

from typing import Any

import pytest

from appkit.errors import EvaluationError
from eval.reports.sample_text import MAX_LABEL_CHARS, MAX_TEXT_CHARS, label_of, shown_text


def test_a_text_is_shown_as_it_is_and_data_as_json() -> None:
    assert shown_text("a\n<b>") == ("a\n<b>",)
    assert shown_text([-1.5, False, "中"]) == ('[-1.5, false, "中"]',)


def test_a_long_text_says_how_much_is_left_out() -> None:
    text = "a" * MAX_TEXT_CHARS + "the end"
    head, left, tail = shown_text(text)  # type: ignore[misc]
    assert len(head) + left + len(tail) == len(text)
    assert tail.endswith("the end")


def test_scores_are_shown_in_six_digits() -> None:
    assert shown_text((-8.286279986015487, False, 3)) == ("[-8.28628, false, 3]",)


def test_what_is_nested_too_deeply_is_refused() -> None:
    value: list[Any] = []
    for _ in range(5_000):
        value = [value]
    with pytest.raises(EvaluationError, match="nested too deeply"):
        shown_text(value)


def test_a_sample_is_known_by_its_question() -> None:
    assert label_of({"id": "q7", "question": " What\n is  it? "}) == "What is it?"
    assert label_of({"id": "q7"}) == "q7"
    assert label_of({"number": 7}) == '{"number": 7}'


def test_a_label_that_is_cut_ends_in_an_ellipsis() -> None:
    label = label_of({"question": "x" * 1000})
    assert len(label) == MAX_LABEL_CHARS
    assert label.endswith("…")
