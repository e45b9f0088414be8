"""Q5_0: 32 weights of 5 bits and one scale, 5.5 bits a weight.

byte  0   2       6                   22
      ├ d ┼ qh[4] ┼──── qs[16] ───────┤
d   float16 scale
qh  the fifth bits: bit i of this little-endian uint32 belongs to weight i
qs  the low four bits: weights 0–15 in the low nibbles, 16–31 in the high

weight = d · (q − 16)
"""

import numpy as np

from runtime.quant.format import Bytes, Floats, Format
from runtime.quant.packing import float16_bytes, pack_planes, read_float16, reciprocal, unpack_planes

FORMAT = Format("Q5_0", 6, 32, 22)


def dequantize_blocks(blocks: Bytes) -> Floats:
    """[n, 22] bytes → [n, 32] float32."""
    high = np.unpackbits(blocks[:, 2:6], axis=1, bitorder="little")
    q = unpack_planes(blocks[:, 6:], 4).reshape(-1, 32) | (high << np.uint8(4))
    return read_float16(blocks, 0) * (q.view(np.int8) - np.int8(16)).astype(np.float32)


def quantize_blocks(weights: Floats) -> Bytes:
    """[n, 32] float32 → [n, 22] bytes. The weight largest in magnitude becomes −16 exactly, so d carries its sign."""
    largest = np.take_along_axis(weights, np.abs(weights).argmax(axis=1, keepdims=True), axis=1)
    d = largest / np.float32(-16)
    q = np.minimum((weights * reciprocal(d) + np.float32(16.5)).astype(np.uint8), np.uint8(31))
    high = np.packbits(q >> np.uint8(4), axis=1, bitorder="little")
    low = pack_planes((q & np.uint8(15)).reshape(-1, 2, 16), 4)
    return np.concatenate([float16_bytes(d, "Q5_0"), high, low], axis=1)
