"""Maximal marginal relevance on vectors in the plane."""

import numpy as np
import pytest

from appkit.retrieval.mmr import choose_diverse

EAST, NEARLY_EAST, NORTH = [1.0, 0.0], [0.995, 0.0999], [0.0, 1.0]
VECTORS = np.array([EAST, NEARLY_EAST, NORTH], np.float32)
RELEVANCE = [0.9, 0.8, 0.5]


def test_no_diversity_is_the_order_of_relevance() -> None:
    assert choose_diverse([0.5, 0.9, 0.7], VECTORS, limit=3, diversity=0) == [1, 2, 0]


def test_a_copy_goes_behind_something_new() -> None:
    assert choose_diverse(RELEVANCE, VECTORS, limit=3, diversity=0.5) == [0, 2, 1]


def test_it_follows_the_formula(rng) -> None:
    vectors = rng.normal(size=(12, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    relevance = rng.random(12)
    chosen = choose_diverse(list(relevance), vectors, limit=12, diversity=0.4)
    similarity = vectors @ vectors.T
    off = similarity[~np.eye(12, dtype=bool)]
    gain = (relevance - relevance.min()) / np.ptp(relevance)
    for place in range(1, 12):
        left = [idx for idx in range(12) if idx not in chosen[:place]]
        closest = [(similarity[idx, chosen[:place]].max() - off.min()) / np.ptp(off) for idx in left]
        best = left[int(np.argmax(0.6 * gain[left] - 0.4 * np.array(closest)))]
        assert chosen[place] == best


def test_limit_and_nothing_to_choose_from() -> None:
    assert choose_diverse(RELEVANCE, VECTORS, limit=1, diversity=0.5) == [0]
    assert choose_diverse([], np.empty((0, 4)), limit=3, diversity=0.5) == []


def test_equal_items_keep_their_order() -> None:
    assert choose_diverse([1.0, 1.0, 1.0], np.array([EAST] * 3), limit=3, diversity=0.5) == [0, 1, 2]


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match=r"diversity is 1\.5"):
        choose_diverse(RELEVANCE, VECTORS, limit=2, diversity=1.5)
    with pytest.raises(ValueError, match="2 scores for 3 vectors"):
        choose_diverse([1.0, 2.0], VECTORS, limit=2, diversity=0.5)
