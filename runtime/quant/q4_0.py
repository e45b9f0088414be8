"""Q4_0: 32 weights of 4 bits and one scale, 4.5 bits a weight.

byte  0   2                   18
      ├ d ┼──── qs[16] ───────┤
d   float16 scale
qs  4-bit q: weights 0–15 in the low nibbles, 16–31 in the high

weight = d · (q − 8)
"""

import numpy as np

from runtime.quant.format import Bytes, Floats, Format
from runtime.quant.packing import float16_bytes, pack_planes, read_float16, reciprocal, unpack_planes

FORMAT = Format("Q4_0", 2, 32, 18)


def dequantize_blocks(blocks: Bytes) -> Floats:
    """[n, 18] bytes → [n, 32] float32."""
    q = unpack_planes(blocks[:, 2:], 4).reshape(-1, 32)
    return read_float16(blocks, 0) * (q.view(np.int8) - np.int8(8)).astype(np.float32)


def quantize_blocks(weights: Floats) -> Bytes:
    """[n, 32] float32 → [n, 18] bytes. The weight largest in magnitude becomes −8 exactly, so d carries its sign."""
    largest = np.take_along_axis(weights, np.abs(weights).argmax(axis=1, keepdims=True), axis=1)
    d = largest / np.float32(-8)
    q = np.minimum((weights * reciprocal(d) + np.float32(8.5)).astype(np.uint8), np.uint8(15))
    return np.concatenate([float16_bytes(d, "Q4_0"), pack_planes(q.reshape(-1, 2, 16), 4)], axis=1)
