"""Q4_1: 32 weights of 4 bits, a scale and a minimum, 5 bits a weight.

byte  0   2   4                   20
      ├ d ┼ m ┼──── qs[16] ───────┤
d   float16 scale
m   float16 minimum
qs  4-bit q: weights 0–15 in the low nibbles, 16–31 in the high

weight = d · q + m
"""

import numpy as np

from runtime.quant.format import Bytes, Floats, Format
from runtime.quant.packing import float16_bytes, pack_planes, read_float16, reciprocal, unpack_planes

FORMAT = Format("Q4_1", 3, 32, 20)


def dequantize_blocks(blocks: Bytes) -> Floats:
    """[n, 20] bytes → [n, 32] float32."""
    q = unpack_planes(blocks[:, 4:], 4).reshape(-1, 32)
    return read_float16(blocks, 0) * q.astype(np.float32) + read_float16(blocks, 2)


def quantize_blocks(weights: Floats) -> Bytes:
    """[n, 32] float32 → [n, 20] bytes. The least weight becomes 0, the greatest 15."""
    lowest = weights.min(axis=1, keepdims=True)
    d = (weights.max(axis=1, keepdims=True) - lowest) / np.float32(15)
    q = np.minimum(((weights - lowest) * reciprocal(d) + np.float32(0.5)).astype(np.uint8), np.uint8(15))
    scales = [float16_bytes(d, "Q4_1"), float16_bytes(lowest, "Q4_1")]
    return np.concatenate([*scales, pack_planes(q.reshape(-1, 2, 16), 4)], axis=1)
