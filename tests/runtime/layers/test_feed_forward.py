"""The two feed-forward forms, against the formula in numpy."""

import numpy as np
import pytest

from runtime.kernels.registry import available_backends, get_backend
from runtime.layers.feed_forward import FeedForwardWeights, feed_forward
from runtime.layers.linear import Linear


@pytest.fixture(params=available_backends("gated_matmul"))
def backend(request):
    return get_backend(request.param, 1)


@pytest.fixture
def matrices(rng):
    shapes = {"up": (12, 8), "gate": (12, 8), "down": (8, 12)}
    return {name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()}


def linear(backend, name: str, matrix: np.ndarray, bias: np.ndarray | None = None) -> Linear:
    weight = backend.load_weight(matrix.view(np.uint8), "F32", matrix.shape)
    return Linear(name, weight, None if bias is None else backend.from_numpy(bias))


def test_gated_is_down_of_activated_gate_times_up(backend, matrices, rng):
    x = rng.standard_normal((3, 8), np.float32)
    weights = FeedForwardWeights(**{name: linear(backend, name, matrix) for name, matrix in matrices.items()})
    y = backend.to_numpy(feed_forward(backend, weights, backend.from_numpy(x), "silu", residual=backend.from_numpy(x)))
    gate = x @ matrices["gate"].T
    hidden = gate / (1 + np.exp(-gate)) * (x @ matrices["up"].T)
    np.testing.assert_allclose(y, x + hidden @ matrices["down"].T, atol=1e-4)


def test_plain_adds_both_biases(backend, matrices, rng):
    x, up_bias, down_bias = (rng.standard_normal(shape, np.float32) for shape in ((3, 8), 12, 8))
    weights = FeedForwardWeights(
        up=linear(backend, "up", matrices["up"], up_bias), down=linear(backend, "down", matrices["down"], down_bias)
    )
    y = backend.to_numpy(feed_forward(backend, weights, backend.from_numpy(x), "silu"))
    hidden = x @ matrices["up"].T + up_bias
    expected = (hidden / (1 + np.exp(-hidden))) @ matrices["down"].T + down_bias
    np.testing.assert_allclose(y, expected, atol=1e-4)
