"""The bootstrap: its value is exact, its interval as wide as samples disagree, its clusters stand or fall together."""

import math

import numpy as np
import pytest

from eval.metrics import bootstrap_figure, paired_difference
from eval.metrics.bootstrap import resample_counts
from eval.metrics.means import ratio


def rows_of(values) -> np.ndarray:
    return np.column_stack([values, np.ones(len(values))])


def test_the_same_difference_on_every_query_has_no_width() -> None:
    difference = paired_difference([0.75, 0.5, 1.0], [0.5, 0.25, 0.75])
    assert (difference.mean, difference.low, difference.high) == (0.25, 0.25, 0.25)


def test_the_interval_is_that_of_the_normal_approximation(rng) -> None:
    b = rng.random(200)
    noise = rng.normal(0.1, 0.2, 200)
    difference = paired_difference(b + noise, b)
    half = 1.96 * noise.std() / np.sqrt(200)
    assert difference.low == pytest.approx(noise.mean() - half, abs=0.004)  # a tenth of its width
    assert difference.high == pytest.approx(noise.mean() + half, abs=0.004)


def test_a_query_answered_by_one_system_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="2 and 1 values"):
        paired_difference([1.0, 0.0], [1.0])


def test_a_drawn_set_has_as_many_items_as_there_are() -> None:
    counts = np.concatenate(list(resample_counts(7, 50, seed=3)))
    assert counts.shape == (50, 7)
    assert (counts.sum(axis=1) == 7).all()


def test_draws_do_not_depend_on_how_many_are_held_at_a_time(monkeypatch) -> None:
    at_once = np.concatenate(list(resample_counts(11, 40, seed=1)))
    monkeypatch.setattr("eval.metrics.bootstrap.MAX_DRAWN", 25)  # two rows at a time
    np.testing.assert_array_equal(np.concatenate(list(resample_counts(11, 40, seed=1))), at_once)


def test_drawn_by_counts_is_drawn_by_index(rng) -> None:
    values = rng.random(30)
    drawn = np.random.default_rng(9).integers(30, size=(500, 30))
    expected = np.quantile(values[drawn].mean(axis=1), [0.025, 0.975])
    figure = bootstrap_figure(rows_of(values), ratio, num_draws=500, seed=9)
    assert figure.interval == pytest.approx(tuple(expected))
    assert figure.standard_error == pytest.approx(values[drawn].mean(axis=1).std(ddof=1))


def test_a_seed_gives_the_same_figure_and_another_one_another(rng) -> None:
    rows = rows_of(rng.random(40))
    assert bootstrap_figure(rows, ratio, seed=1) == bootstrap_figure(rows, ratio, seed=1)
    assert bootstrap_figure(rows, ratio, seed=1).interval != bootstrap_figure(rows, ratio, seed=2).interval


def test_copies_in_a_cluster_say_nothing_new(rng) -> None:
    values = rng.random(25)
    once = bootstrap_figure(rows_of(values), ratio)
    ten = bootstrap_figure(rows_of(np.repeat(values, 10)), ratio, clusters=np.repeat(np.arange(25), 10).tolist())
    assert ten.interval == pytest.approx(once.interval)
    assert (ten.n, once.n) == (250, 25)


def test_one_interval_in_twenty_misses_the_truth(rng) -> None:
    # each of the 400 misses with 5 %: 20 expected, and 8 of 10,000 such tests would leave 6 to 38
    misses = 0
    for seed in range(400):
        low, high = bootstrap_figure(rows_of(rng.normal(size=60)), ratio, num_draws=400, seed=seed).interval or (0, 0)
        misses += not low <= 0 <= high
    assert 6 <= misses <= 38


@pytest.mark.parametrize(("clusters", "unit"), [(None, "1 sample"), (["a"], "1 cluster")])
def test_one_sample_has_no_interval(clusters, unit) -> None:
    figure = bootstrap_figure(rows_of([0.5]), ratio, clusters=clusters)
    assert (figure.value, figure.interval, figure.standard_error) == (0.5, None, None)
    assert figure.method == f"no interval: {unit} has no spread"


@pytest.mark.parametrize(
    ("values", "clusters", "message"),
    [
        ([], None, "There are no samples"),
        ([0.5, math.nan], None, "Sample 1 measures nan"),
        ([0.5, 1.0], ["a"], "1 clusters for 2 samples"),
    ],
)
def test_rows_that_measure_nothing_are_refused(values, clusters, message) -> None:
    with pytest.raises(ValueError, match=message):
        bootstrap_figure(rows_of(values), ratio, clusters=clusters)


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_a_confidence_is_a_share(confidence) -> None:
    with pytest.raises(ValueError, match="a share between 0 and 1"):
        bootstrap_figure(rows_of([0.5, 1.0]), ratio, confidence=confidence)
