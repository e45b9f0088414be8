"""Q8_K: 256 weights of 8 bits, one float32 scale, and sums that make dot products cheaper; 9.125 bits a weight.

byte  0       4                260               292
      ├ d ────┼──── qs[256] ───┼──── bsums[16] ──┤
d      float32 scale
qs     int8 q, in order
bsums  int16: the sum of q over each run of 16; not needed to read the weights

weight = d · q
"""

import numpy as np

from runtime.quant.format import Bytes, Floats, Format

FORMAT = Format("Q8_K", 15, 256, 292)


def dequantize_blocks(blocks: Bytes) -> Floats:
    """[n, 292] bytes → [n, 256] float32."""
    return blocks[:, :4].view(np.float32) * blocks[:, 4:260].view(np.int8).astype(np.float32)
