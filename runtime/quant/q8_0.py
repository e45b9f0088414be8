"""Q8_0: 32 weights of 8 bits and one scale, 8.5 bits a weight.

byte  0   2                   34
      ├ d ┼──── qs[32] ───────┤
d   float16 scale
qs  int8 q, in order

weight = q · d
"""

import numpy as np

from runtime.quant.format import Bytes, Floats, Format
from runtime.quant.packing import float16_bytes, read_float16, reciprocal

FORMAT = Format("Q8_0", 8, 32, 34)


def dequantize_blocks(blocks: Bytes) -> Floats:
    """[n, 34] bytes → [n, 32] float32."""
    return blocks[:, 2:].view(np.int8).astype(np.float32) * read_float16(blocks, 0)


def quantize_blocks(weights: Floats) -> Bytes:
    """[n, 32] float32 → [n, 34] bytes. The largest magnitude becomes 127; halves round away from zero."""
    d = np.abs(weights).max(axis=1, keepdims=True) / np.float32(127)
    scaled = weights * reciprocal(d)
    magnitude = np.abs(scaled)
    whole = np.floor(magnitude)
    # Not floor(magnitude + 0.5): that sum rounds up from just below a half.
    q = np.copysign(whole + np.floor(np.float32(2) * (magnitude - whole)), scaled).astype(np.int8)
    return np.concatenate([float16_bytes(d, "Q8_0"), q.view(np.uint8)], axis=1)
