"""Two systems compared: p-values worked out by hand, by scipy, and right when there is no difference."""

import numpy as np
import pytest

from eval.metrics import compare_pairs


def test_the_difference_is_that_of_the_means() -> None:
    found = compare_pairs([0.9, 0.5, 0.7], [0.4, 0.5, 0.6])
    assert (found.a, found.b) == (pytest.approx(0.7), pytest.approx(0.5))
    assert found.difference.value == pytest.approx(0.2)


def test_three_wins_of_three_have_a_chance_of_one_in_four() -> None:
    # of the 8 ways to exchange answers, 2 have a difference this large: none exchanged, and all
    found = compare_pairs([1, 1, 1], [0, 0, 0])
    assert (found.p_value, found.test) == (2 / 8, "exact permutation test, 8 exchanges")


def test_a_tie_says_nothing() -> None:
    found = compare_pairs([1, 0, 1], [1, 0, 1])
    assert (found.difference.value, found.p_value) == (0, 1)


def test_two_systems_are_compared_the_same_both_ways(rng) -> None:
    a, b = rng.random(50), rng.random(50)
    there, back = compare_pairs(a, b), compare_pairs(b, a)
    assert there.p_value == back.p_value
    assert there.difference.interval == pytest.approx(tuple(-end for end in reversed(back.difference.interval)))


def test_the_p_value_is_that_of_scipy(rng) -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy, the oracle, is not installed")
    b = rng.random(40)
    a = b + rng.normal(0.05, 0.2, 40)
    oracle = stats.permutation_test(
        (a, b), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=20_000, rng=rng
    )
    assert compare_pairs(a, b).p_value == pytest.approx(oracle.pvalue, abs=0.015)


def test_clusters_are_exchanged_whole() -> None:
    # ten questions on each of three documents are three chances, not thirty
    found = compare_pairs([1] * 30, [0] * 30, clusters=[i // 10 for i in range(30)])
    assert found.p_value == 2 / 8
    assert "over 3 clusters" in found.difference.method
    assert compare_pairs([1] * 30, [0] * 30).p_value < 0.001


def test_equal_systems_seldom_seem_to_differ(rng) -> None:
    # 5 % of 200 expected; 99.9 % of such tests lie within 2 and 22
    pairs = rng.random((200, 2, 8))
    found = sum(compare_pairs(a, b).p_value <= 0.05 for a, b in pairs)
    assert 2 <= found <= 22


def test_the_interval_and_the_test_agree_on_a_clear_case(rng) -> None:
    b = rng.random(100)
    found = compare_pairs(b + rng.normal(0.2, 0.1, 100), b)
    assert found.difference.interval is not None
    assert found.difference.interval[0] > 0
    assert found.p_value == pytest.approx(1 / 10_001)


def test_a_comparison_is_shown_whole() -> None:
    assert str(compare_pairs([1, 1, 1], [0, 0, 0])) == "1 - 0 = 1 [1, 1] (n=3), p = 0.2500"


def test_systems_that_answered_other_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="2 and 1 values; both systems must answer the same samples"):
        compare_pairs([1.0, 0.0], [1.0])
    with pytest.raises(ValueError, match="There are no samples"):
        compare_pairs([], [])
