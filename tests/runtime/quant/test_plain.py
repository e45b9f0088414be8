"""runtime/quant/plain.py: numbers stored one by one."""

import numpy as np
import pytest

from runtime.quant import dequantize, quantize


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        (0x3F800000, 0x3F80),  # 1
        (0x3F808000, 0x3F80),  # halfway, the last place is even: down
        (0x3F818000, 0x3F82),  # halfway, the last place is odd: up
        (0x3F808001, 0x3F81),  # past halfway
        (0x7F7FFFFF, 0x7F80),  # the largest float32 rounds to infinity
        (0xFF800000, 0xFF80),  # −infinity stays
        (0x7F800001, 0x7FC0),  # a NaN whose bits would all be cut off stays a NaN
        (0x80000000, 0x8000),  # −0
    ],
)
def test_bf16_rounds_to_nearest_even_and_keeps_nan(bits, expected):
    weights = np.array([bits], np.uint32).view(np.float32)
    assert quantize(weights, "BF16").view(np.uint16).item() == expected


def test_bf16_is_the_upper_half_of_float32():
    assert dequantize(np.array([0x80, 0x3F, 0x20, 0xC0], np.uint8), "BF16", (2,)).tolist() == [1.0, -2.5]


def test_f32_and_f16_keep_infinity_and_nan():
    weights = np.array([np.inf, -np.inf, np.nan, -0.0], np.float32)
    for name in ("F32", "F16", "BF16"):
        back = dequantize(quantize(weights, name), name, (4,))
        assert np.array_equal(back, weights, equal_nan=True)
        assert np.signbit(back[3])
