"""Q5_1: 32 weights of 5 bits, a scale and a minimum, 6 bits a weight.

byte  0   2   4       8                   24
      ├ d ┼ m ┼ qh[4] ┼──── qs[16] ───────┤
d   float16 scale
m   float16 minimum
qh  the fifth bits: bit i of this little-endian uint32 belongs to weight i
qs  the low four bits: weights 0–15 in the low nibbles, 16–31 in the high

weight = d · q + m
"""

import numpy as np

from runtime.quant.format import Bytes, Floats, Format
from runtime.quant.packing import float16_bytes, pack_planes, read_float16, reciprocal, unpack_planes

FORMAT = Format("Q5_1", 7, 32, 24)


def dequantize_blocks(blocks: Bytes) -> Floats:
    """[n, 24] bytes → [n, 32] float32."""
    high = np.unpackbits(blocks[:, 4:8], axis=1, bitorder="little")
    q = unpack_planes(blocks[:, 8:], 4).reshape(-1, 32) | (high << np.uint8(4))
    return read_float16(blocks, 0) * q.astype(np.float32) + read_float16(blocks, 2)


def quantize_blocks(weights: Floats) -> Bytes:
    """[n, 32] float32 → [n, 24] bytes. The least weight becomes 0, the greatest 31."""
    lowest = weights.min(axis=1, keepdims=True)
    d = (weights.max(axis=1, keepdims=True) - lowest) / np.float32(31)
    q = np.minimum(((weights - lowest) * reciprocal(d) + np.float32(0.5)).astype(np.uint8), np.uint8(31))
    high = np.packbits(q >> np.uint8(4), axis=1, bitorder="little")
    low = pack_planes((q & np.uint8(15)).reshape(-1, 2, 16), 4)
    return np.concatenate([float16_bytes(d, "Q5_1"), float16_bytes(lowest, "Q5_1"), high, low], axis=1)
