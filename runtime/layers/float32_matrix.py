"""A float32 matrix that comes from no model file, such as an adapter's, in a backend's memory."""

import numpy as np

from runtime.kernels.ops import Backend, Weight


def load_float32(backend: Backend, matrix: np.ndarray) -> Weight:
    """`matrix` [N, K] as a weight of `backend`."""
    rows, columns = matrix.shape
    data = np.ascontiguousarray(matrix, np.float32).view(np.uint8).reshape(-1)
    return backend.load_weight(data, "F32", (rows, columns))
