"""IQ4_NL: 32 weights of 4 bits through a table of unevenly spaced levels, and one scale; 4.5 bits a weight.

byte  0   2                   18
      ├ d ┼──── qs[16] ───────┤
d   float16 scale
qs  4-bit index: weights 0–15 in the low nibbles, 16–31 in the high

weight = d · LEVELS[index]
"""

import numpy as np

from runtime.quant.format import Bytes, Floats, Format
from runtime.quant.packing import read_float16, unpack_planes

FORMAT = Format("IQ4_NL", 20, 32, 18)

# Dense near zero, where trained weights are. Part of the format. Source: kvalues_iq4nl in ggml-common.h.
LEVELS = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], np.float32)


def dequantize_blocks(blocks: Bytes) -> Floats:
    """[n, 18] bytes → [n, 32] float32."""
    return read_float16(blocks, 0) * LEVELS[unpack_planes(blocks[:, 2:], 4).reshape(-1, 32)]
