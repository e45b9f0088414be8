"""The paired bootstrap: its mean is exact, its interval is as wide as the queries disagree."""

import numpy as np
import pytest

from eval.metrics.bootstrap import paired_difference


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
