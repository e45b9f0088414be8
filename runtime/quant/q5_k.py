"""Q5_K: 256 weights of 5 bits, in 8 groups of 32 with a 6-bit scale and a 6-bit minimum; 5.5 bits a weight.

byte  0   2      4            16       48                 176
      ├ d ┼ dmin ┼ scales[12] ┼ qh[32] ┼──── qs[128] ─────┤
d       float16, multiplies the scales
dmin    float16, multiplies the minimums
scales  see k_scales.py
qh      the fifth bits as eight planes of 1 bit: plane g belongs to group g
qs      the low four bits: four runs of 32 bytes, each two planes of 4 bits

weight = (d · scale) · q − dmin · minimum
"""

import numpy as np

from runtime.quant.format import Bytes, Floats, Format
from runtime.quant.k_scales import unpack_scales
from runtime.quant.packing import read_float16, unpack_planes

FORMAT = Format("Q5_K", 13, 256, 176)


def dequantize_blocks(blocks: Bytes) -> Floats:
    """[n, 176] bytes → [n, 256] float32."""
    scales, minimums = unpack_scales(blocks[:, 4:16])
    scale = read_float16(blocks, 0) * scales.astype(np.float32)
    minimum = read_float16(blocks, 2) * minimums.astype(np.float32)
    low = unpack_planes(blocks[:, 48:].reshape(-1, 4, 32), 4).reshape(-1, 8, 32)
    high = unpack_planes(blocks[:, 16:48], 1)
    q = (low | (high << np.uint8(4))).astype(np.float32)
    return (scale[:, :, None] * q - minimum[:, :, None]).reshape(-1, 256)
