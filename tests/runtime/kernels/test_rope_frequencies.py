"""The angles of RoPE, by hand."""

import numpy as np
import pytest

from runtime.config import RopeConfig
from runtime.kernels.rope_frequencies import rope_frequencies

ROPE = RopeConfig(base=100.0, dim=4, interleaved=True, position_scale=2.0)


def test_frequencies_fall_by_the_base_and_are_divided_by_the_scale():
    np.testing.assert_allclose(rope_frequencies(ROPE), [1 / 2, 1 / 20])


def test_factors_divide_each_frequency():
    np.testing.assert_allclose(rope_frequencies(ROPE, np.array([1, 5], np.float32)), [1 / 2, 1 / 100])


def test_factors_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"\[3\]; a RoPE of dim 4 has 2"):
        rope_frequencies(ROPE, np.ones(3))
