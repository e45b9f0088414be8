"""Q3_K: 256 weights of 3 bits, in 16 groups of 16 with a 6-bit scale; 3.4375 bits a weight.

byte  0           32            96           108 110
      ├ hmask[32] ┼── qs[64] ───┼ scales[12] ┼ d ┤
hmask   the third bits as eight planes of 1 bit, kept inverted: a clear bit takes 4 away
qs      the low two bits: two runs of 32 bytes, each four planes of 2 bits
scales  16 scales of 6 bits. Bytes 0–7 hold the low four bits: scales 0–7 in their low nibbles, 8–15 in the high.
        Bytes 8–11 hold the high two bits as four planes: scale 4 · p + i is in plane p of byte 8 + i
d       float16, multiplies the scales

weight = (d · (scale − 32)) · q, q from −4 to 3
"""

import numpy as np

from runtime.quant.format import Bytes, Floats, Format
from runtime.quant.packing import read_float16, unpack_planes

FORMAT = Format("Q3_K", 11, 256, 110)


def dequantize_blocks(blocks: Bytes) -> Floats:
    """[n, 110] bytes → [n, 256] float32."""
    low = unpack_planes(blocks[:, 96:104], 4).reshape(-1, 16)
    high = unpack_planes(blocks[:, 104:108], 2).reshape(-1, 16)
    scale = ((low | (high << np.uint8(4))).view(np.int8) - np.int8(32)).astype(np.float32)
    q_low = unpack_planes(blocks[:, 32:96].reshape(-1, 2, 32), 2).reshape(-1, 256)
    q_high = unpack_planes(blocks[:, :32], 1).reshape(-1, 256)
    q = (q_low | (q_high << np.uint8(2))).view(np.int8) - np.int8(4)
    group_scale = read_float16(blocks, 108) * scale
    return (group_scale[:, :, None] * q.reshape(-1, 16, 16).astype(np.float32)).reshape(-1, 256)
