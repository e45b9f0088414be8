"""runtime/quant/q8_k.py: worked out by hand, as the gguf package does not read this format."""

import numpy as np

from runtime.quant import dequantize


def test_q8_k_is_a_float32_scale_times_int8():
    q = np.arange(-128, 128, dtype=np.int8)
    sums = np.full(16, 999, np.int16)  # not needed to read the weights
    block = np.frombuffer(np.float32(0.5).tobytes() + q.tobytes() + sums.tobytes(), np.uint8)
    assert np.array_equal(dequantize(block, "Q8_K", (256,)), np.arange(-128, 128) * 0.5)
