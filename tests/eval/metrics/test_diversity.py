"""Distinct n-grams and repetition, counted by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.metrics import distinct_n, repetition_rate

texts = st.lists(st.text("ab 中", max_size=20), min_size=1, max_size=6)


def test_distinct_counts_over_all_texts() -> None:
    # pairs: ab ba ab, ab bc: 3 kinds of 5
    assert distinct_n(["a b a b", "a b c"], 2).value == 3 / 5
    assert distinct_n(["a b a b", "a b c"], 1).value == 3 / 7


def test_the_error_of_distinct_is_the_jackknife_by_hand() -> None:
    # left out in turn: the other has 2 words of 2, both times
    assert distinct_n(["a b", "a c"], 1).standard_error == 0
    found = distinct_n(["a b", "a b", "c d"], 1)
    left_out = [4 / 4, 4 / 4, 2 / 4]
    mean = sum(left_out) / 3
    assert found.value == 4 / 6
    assert found.standard_error == pytest.approx(math.sqrt(2 / 3 * sum((x - mean) ** 2 for x in left_out)))


def test_repetition_is_the_share_of_what_stood_there_before() -> None:
    # pairs of "a b a b a b": ab ba ab ba ab, 3 of 5 stood there before; "x y" repeats nothing
    assert repetition_rate(["a b a b a b", "x y"], 2).value == pytest.approx((3 / 5 + 0) / 2)


def test_chinese_is_counted_by_character() -> None:
    assert repetition_rate(["很好很好"], 2).value == pytest.approx(1 / 3)
    assert distinct_n(["很好很好"], 1).value == 1 / 2


def test_too_short_to_have_an_ngram_is_zero() -> None:
    assert repetition_rate(["a b", ""], 4).value == 0
    assert distinct_n(["", "!"], 2).value == 0


@given(texts, st.integers(1, 3))
def test_both_are_shares_and_do_not_mind_the_order(some, n) -> None:
    for measure in (distinct_n, repetition_rate):
        figure = measure(some, n)
        assert 0 <= figure.value <= 1
        assert measure(some[::-1], n).value == pytest.approx(figure.value)


@pytest.mark.parametrize("measure", [distinct_n, repetition_rate])
def test_wrong_input_is_refused(measure) -> None:
    with pytest.raises(ValueError, match="There are no texts"):
        measure([])
    with pytest.raises(ValueError, match="n is 0"):
        measure(["a"], 0)
    with pytest.raises(TypeError, match="give a list of texts"):
        measure("a b c")
