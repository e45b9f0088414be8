"""Means with their standard error and interval, against formulas worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.metrics import mean_figure, wilson_interval


def test_the_standard_error_is_s_over_root_n() -> None:
    # mean 2, squares of distances 1 + 0 + 1, over n - 1 = 2: s = 1
    figure = mean_figure([1.0, 2.0, 3.0])
    assert (figure.value, figure.n) == (2.0, 3)
    assert figure.standard_error == pytest.approx(1 / math.sqrt(3))


def test_zeros_and_ones_have_wilsons_interval() -> None:
    figure = mean_figure([1, 1, 1, 0])
    assert (figure.value, figure.interval, figure.method) == (0.75, wilson_interval(3, 4), "Wilson interval")
    assert figure.standard_error == pytest.approx(math.sqrt(0.75 * 0.25 / 3))


def test_all_right_is_not_certain() -> None:
    assert mean_figure([True] * 10).interval == (pytest.approx(0.7225, abs=1e-4), pytest.approx(1))


def test_clusters_that_all_agree_count_as_one_sample_each() -> None:
    figure = mean_figure([1] * 40, clusters=[i // 10 for i in range(40)])
    assert (figure.interval, figure.method) == (wilson_interval(4, 4), "Wilson interval over clusters")


def test_the_clustered_error_is_that_of_cluster_sums() -> None:
    # mean 3; residual sums of the clusters -3, -1, 4; times 3 / 2, over 5 values
    figure = mean_figure([1.0, 2.0, 2.0, 4.0, 6.0], clusters=["a", "a", "b", "c", "c"])
    assert figure.standard_error == pytest.approx(math.sqrt(3 / 2 * (9 + 1 + 16)) / 5)
    assert "over 3 clusters" in figure.method


def test_clusters_of_one_change_nothing() -> None:
    values = [0.1, 0.7, 0.4, 0.9]
    assert mean_figure(values, clusters=range(4)).standard_error == mean_figure(values).standard_error


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_the_order_of_samples_does_not_matter(values, random) -> None:
    first, second = mean_figure(values), mean_figure(random.sample(values, len(values)))
    assert first.value == pytest.approx(second.value)
    assert first.standard_error == pytest.approx(second.standard_error)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30))
def test_an_interval_stays_within_the_values(values) -> None:
    figure = mean_figure(values)
    assert figure.interval is not None
    is_share = set(values) <= {0.0, 1.0}
    low, high = (0, 1) if is_share else (min(values), max(values))
    assert low - 1e-9 <= figure.interval[0] <= figure.interval[1] <= high + 1e-9


def test_a_value_that_is_no_number_is_named() -> None:
    with pytest.raises(ValueError, match="Sample 2 measures nan"):
        mean_figure([0.5, 0.25, np.nan])
