"""How far a kernel may be from the exact answer, and why that far.

Errors are measured against the largest magnitude in the expected array, which is computed in float64: rounding errors
of a sum are proportional to what was summed, not to what happens to be left of it.
"""

import numpy as np

FLOAT32 = float(np.finfo(np.float32).eps)  # 1.2e-7, twice the largest rounding error of one operation

ELEMENTWISE = 4 * FLOAT32  # a handful of operations in a row: norms, RoPE, sums
MATMUL = 16 * FLOAT32  # up to 2048 products in 16 partial sums of random sign; measured 5e-7
ACTIVATION = 8 * FLOAT32  # exp, tanh and erf within 3e-7 each, see csrc/float_math.h
ATTENTION = 64 * FLOAT32  # scores reach 40 here, and exp turns their absolute error into a relative one; measured 2e-6


def assert_close(actual: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    """`actual` has the shape of `expected`, no NaN, and lies within `tolerance` of its largest magnitude."""
    assert actual.shape == expected.shape, (actual.shape, expected.shape)
    if not expected.size:
        return
    error = float(np.abs(actual - expected).max() / max(float(np.abs(expected).max()), 1e-30))
    assert error <= tolerance, f"off by {error:.2e} of the largest value, allowed {tolerance:.2e}"


def assert_same_bits(actual: np.ndarray, expected: np.ndarray) -> None:
    """Equal bit for bit, NaN included."""
    assert actual.dtype == expected.dtype == np.float32
    np.testing.assert_array_equal(actual.view(np.uint32), expected.view(np.uint32))
