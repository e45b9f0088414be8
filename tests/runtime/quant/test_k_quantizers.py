"""runtime/quant/q4_k.py and q6_k.py: quantisers of our own, held to error limits instead of bytes."""

import numpy as np
import pytest

from runtime.quant import dequantize, quantize


def relative_error(weights: np.ndarray, name: str) -> float:
    back = dequantize(quantize(weights, name), name, weights.shape)
    return float(np.sqrt(np.square(back - weights).mean() / np.square(weights).mean()))


# Rounding to a uniform grid over ±3 standard deviations costs 0.115 at 4 bits and 0.028 at 6; fitted scales for every
# 32 or 16 weights must do clearly better.
@pytest.mark.parametrize(("name", "limit"), [("Q4_K", 0.075), ("Q6_K", 0.019)])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_k_quantizers_keep_normal_weights_close(name, limit, scale, rng):
    assert relative_error(rng.standard_normal((64, 512), dtype=np.float32) * np.float32(scale), name) < limit


@pytest.mark.parametrize(("name", "simpler"), [("Q4_K", "Q4_1"), ("Q6_K", "Q5_1")])
def test_k_quantizers_are_better_than_simpler_formats_of_that_size(name, simpler, rng):
    weights = rng.standard_normal((64, 512), dtype=np.float32)
    assert relative_error(weights, name) < relative_error(weights, simpler)


@pytest.mark.parametrize(("name", "limit"), [("Q4_K", 0.06), ("Q6_K", 0.02)])
def test_k_quantizers_follow_groups_of_different_size(name, limit, rng):
    sizes = np.repeat(np.geomspace(0.1, 1, 16, dtype=np.float32), 16)  # a group of its own size every 16 weights
    assert relative_error(rng.standard_normal((8, 256), dtype=np.float32) * sizes, name) < 2 * limit


@pytest.mark.parametrize("name", ["Q4_K", "Q6_K"])
@pytest.mark.parametrize("weight", [0.7, -0.7])
def test_k_quantizers_keep_equal_weights_nearly_equal(name, weight):
    assert relative_error(np.full((1, 256), weight, np.float32), name) < 0.01


@pytest.mark.parametrize("name", ["Q4_K", "Q6_K"])
def test_k_quantizers_give_back_what_they_gave(name, rng):
    once = dequantize(quantize(rng.standard_normal((4, 256), dtype=np.float32), name), name, (4, 256))
    twice = dequantize(quantize(once, name), name, (4, 256))
    assert np.abs(twice - once).max() < 0.05


@pytest.mark.parametrize(("name", "half_step"), [("Q4_K", 2.1), ("Q6_K", 0.95)])  # of 60 over 15 or over 32 levels
def test_k_quantizers_take_an_outlier_without_harm_to_other_groups(name, half_step, rng):
    weights = rng.standard_normal((1, 256), dtype=np.float32)
    weights[0, 100] = 60
    back = dequantize(quantize(weights, name), name, weights.shape)
    assert abs(back[0, 100] - 60) < half_step
    assert np.abs(back - weights)[0, :96].max() < 0.6
