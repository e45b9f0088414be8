"""A norm with a bias is LayerNorm, one without is RMSNorm: two hand-worked rows."""

import numpy as np
import pytest

from runtime.kernels.registry import available_backends, get_backend
from runtime.layers.norm import Norm, apply_norm


@pytest.fixture(params=available_backends("rms_norm"))
def backend(request):
    return get_backend(request.param, 1)


def test_without_a_bias_rows_are_divided_by_their_root_mean_square(backend):
    x, weight = np.array([[3.0, 4.0, 0.0, 0.0]], np.float32), np.array([1.0, 2.0, 1.0, 1.0], np.float32)
    y = backend.to_numpy(apply_norm(backend, Norm(backend.from_numpy(weight)), backend.from_numpy(x), 1e-9))
    np.testing.assert_allclose(y, [[1.2, 3.2, 0.0, 0.0]], atol=1e-6)  # the root mean square is 2.5


def test_with_a_bias_rows_are_centred_first(backend):
    x, ones = np.array([[1.0, 3.0]], np.float32), np.ones(2, np.float32)
    norm = Norm(backend.from_numpy(ones), backend.from_numpy(ones))
    y = backend.to_numpy(apply_norm(backend, norm, backend.from_numpy(x), 1e-9))
    np.testing.assert_allclose(y, [[0.0, 2.0]], atol=1e-6)
