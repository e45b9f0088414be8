"""Q2_K: 256 weights of 2 bits, in 16 groups of 16 with a 4-bit scale and a 4-bit minimum; 2.625 bits a weight.

byte  0            16            80  82     84
      ├ scales[16] ┼── qs[64] ───┼ d ┼ dmin ┤
scales  a byte a group: scale in the low nibble, minimum in the high
qs      two runs of 32 bytes; a run keeps 128 weights as four planes of 2 bits
d       float16, multiplies the scales
dmin    float16, multiplies the minimums

weight = (d · scale) · q − dmin · minimum
"""

import numpy as np

from runtime.quant.format import Bytes, Floats, Format
from runtime.quant.packing import read_float16, unpack_planes

FORMAT = Format("Q2_K", 10, 256, 84)


def dequantize_blocks(blocks: Bytes) -> Floats:
    """[n, 84] bytes → [n, 256] float32."""
    packed = blocks[:, :16]
    scale = read_float16(blocks, 80) * (packed & np.uint8(15)).astype(np.float32)
    minimum = read_float16(blocks, 82) * (packed >> np.uint8(4)).astype(np.float32)
    q = unpack_planes(blocks[:, 16:80].reshape(-1, 2, 32), 2).reshape(-1, 16, 16).astype(np.float32)
    return (scale[:, :, None] * q - minimum[:, :, None]).reshape(-1, 256)
