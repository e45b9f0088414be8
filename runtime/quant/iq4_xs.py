"""IQ4_XS: 256 weights of 4 bits through IQ4_NL's levels, in 8 groups of 32 with a 6-bit scale; 4.25 bits a weight.

byte  0   2          4           8                   136
      ├ d ┼ scales_h ┼ scales_l[4] ┼──── qs[128] ────┤
d         float16, multiplies the scales
scales_h  little-endian uint16: the high two bits of scale g in bits 2g and 2g + 1
scales_l  the low four bits: scale 2i in the low nibble of byte i, 2i + 1 in the high
qs        eight runs of 16 bytes; a run keeps 32 indices as two planes of 4 bits

weight = (d · (scale − 32)) · LEVELS[index]
"""

import numpy as np

from runtime.quant.format import Bytes, Floats, Format
from runtime.quant.iq4_nl import LEVELS
from runtime.quant.packing import read_float16, unpack_planes

FORMAT = Format("IQ4_XS", 23, 256, 136)


def dequantize_blocks(blocks: Bytes) -> Floats:
    """[n, 136] bytes → [n, 256] float32."""
    # Neighbouring scales share a byte here, so the planes (low nibbles, high nibbles) are interleaved again.
    low = unpack_planes(blocks[:, 4:8], 4).swapaxes(1, 2).reshape(-1, 8)
    high = unpack_planes(blocks[:, 2:4], 2).swapaxes(1, 2).reshape(-1, 8)
    scale = ((low | (high << np.uint8(4))).view(np.int8) - np.int8(32)).astype(np.float32)
    index = unpack_planes(blocks[:, 8:].reshape(-1, 8, 16), 4).reshape(-1, 8, 32)
    return ((read_float16(blocks, 0) * scale)[:, :, None] * LEVELS[index]).reshape(-1, 256)
