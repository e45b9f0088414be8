"""Accuracy, macro-F1 and calibration, by hand and against scikit-learn."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.metrics import accuracy, expected_calibration_error, macro_f1

labels = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcd")), min_size=1, max_size=30)


def test_accuracy_is_the_share_of_equal_labels() -> None:
    figure = accuracy(["a", "b", "b", "c"], ["a", "b", "c", "c"])
    assert (figure.value, figure.n, figure.method) == (0.75, 4, "Wilson interval")


def test_macro_f1_is_the_mean_over_labels() -> None:
    # a: 2·1 / (1 + 1) = 1; b: 2·1 / (2 + 1) = 2/3; c: 2·1 / (1 + 2) = 2/3
    assert macro_f1(["a", "b", "b", "c"], ["a", "b", "c", "c"]).value == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)


def test_a_label_nobody_wanted_counts_against() -> None:
    assert macro_f1(["a", "x"], ["a", "a"]).value == pytest.approx((2 / 3 + 0) / 2)


@given(labels)
@settings(max_examples=50, deadline=None)
def test_macro_f1_is_that_of_scikit_learn(pairs) -> None:
    oracle = pytest.importorskip("sklearn.metrics", reason="scikit-learn, the oracle, is not installed")
    given_labels, wanted = zip(*pairs, strict=True)
    expected = oracle.f1_score(wanted, given_labels, average="macro", zero_division=0)
    figure = macro_f1(given_labels, wanted)
    assert figure.value == pytest.approx(expected)
    if figure.interval:
        assert 0 <= figure.interval[0] <= figure.interval[1] <= 1


def test_calibration_is_the_mean_gap_over_bins() -> None:
    # two bins of two: stated 0.3 and right 0.5, stated 0.9 and right 1
    figure = expected_calibration_error([0.2, 0.4, 0.8, 1.0], [False, True, True, True], num_bins=2)
    assert figure.value == pytest.approx((0.2 + 0.1) / 2)


def test_a_confidence_on_a_border_belongs_to_the_bin_below() -> None:
    # 0.5 and 0.6 in one bin would even out: 0.1 over and 0.1 under
    assert expected_calibration_error([0.5, 0.6], [1, 0], num_bins=2).value == pytest.approx((0.5 + 0.6) / 2)


def test_a_model_as_right_as_it_says_has_no_error() -> None:
    assert expected_calibration_error([0.75] * 4, [1, 1, 1, 0]).value == pytest.approx(0)
    assert expected_calibration_error([0.0, 1.0], [0, 1]).value == 0


@pytest.mark.parametrize("confidence", [1.2, -0.1, math.nan])
def test_a_confidence_that_is_no_probability_is_refused(confidence) -> None:
    with pytest.raises(ValueError, match=f"Confidence 1 is {confidence}"):
        expected_calibration_error([0.5, confidence], [1, 1])


@pytest.mark.parametrize("measure", [accuracy, macro_f1, expected_calibration_error])
@pytest.mark.parametrize("pair", [([1.0], [1.0, 0.0]), ([], [])])
def test_labels_without_a_partner_are_refused(measure, pair) -> None:
    with pytest.raises(ValueError, match="a pair each is needed"):
        measure(*pair)


def test_less_than_one_bin_is_refused() -> None:
    with pytest.raises(ValueError, match="num_bins is 0"):
        expected_calibration_error([0.5], [1], num_bins=0)
