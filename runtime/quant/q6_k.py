"""Q6_K: 256 weights of 6 bits, in 16 groups of 16 with an 8-bit scale; 6.5625 bits a weight.

byte  0               128            192          208 210
      ├─── ql[128] ───┼─── qh[64] ───┼ scales[16] ┼ d ┤
ql      the low four bits: two runs of 64 bytes, each two planes of 4 bits
qh      the high two bits: two runs of 32 bytes, each four planes of 2 bits
scales  int8, one a group
d       float16, multiplies the scales

weight = (d · scale) · (q − 32)
"""

import numpy as np

from runtime.quant.format import Bytes, Floats, Format
from runtime.quant.packing import float16_bytes, pack_planes, read_float16, reciprocal, unpack_planes

FORMAT = Format("Q6_K", 14, 256, 210)

_TRIAL_STEPS = np.linspace(-1, 1, 9, dtype=np.float32)  # how far from 32 the divisor of a group's peak may be


def dequantize_blocks(blocks: Bytes) -> Floats:
    """[n, 210] bytes → [n, 256] float32."""
    scale = read_float16(blocks, 208) * blocks[:, 192:208].view(np.int8).astype(np.float32)
    low = unpack_planes(blocks[:, :128].reshape(-1, 2, 64), 4).reshape(-1, 256)
    high = unpack_planes(blocks[:, 128:192].reshape(-1, 2, 32), 2).reshape(-1, 256)
    q = (low | (high << np.uint8(4))).view(np.int8) - np.int8(32)
    return (scale[:, :, None] * q.reshape(-1, 16, 16).astype(np.float32)).reshape(-1, 256)


def quantize_blocks(weights: Floats) -> Bytes:
    """[n, 256] float32 → [n, 210] bytes.

    Each group's scale is fitted by least squares, then rounded to 8 bits, and the weights are rounded against what
    those 8 bits mean. Other programs search differently, so the bytes are ours; the format is not.
    """
    groups = weights.reshape(-1, 16, 16)
    scale = _fit_groups(groups)
    largest = np.take_along_axis(scale, np.abs(scale).argmax(axis=1, keepdims=True), axis=1)
    d_bytes = float16_bytes(largest / np.float32(-128), "Q6_K")
    d = d_bytes.view(np.float16).astype(np.float32)
    scales = np.clip(np.rint(scale * reciprocal(d)), -128, 127).astype(np.int8)
    inverse = reciprocal(d * scales.astype(np.float32))[:, :, None]
    q = (np.clip(np.rint(groups * inverse), -32, 31) + np.float32(32)).astype(np.uint8).reshape(-1, 256)
    low = pack_planes((q & np.uint8(15)).reshape(-1, 2, 2, 64), 4).reshape(-1, 128)
    high = pack_planes((q >> np.uint8(4)).reshape(-1, 2, 4, 32), 2).reshape(-1, 64)
    return np.concatenate([low, high, scales.view(np.uint8), d_bytes], axis=1)


def _fit_groups(groups: Floats) -> Floats:
    """[n, 16, 16] → scale [n, 16] so that scale · q is close to the weights for some q in −32…31.

    The scale takes the sign that lets the weight of largest magnitude use −32. For several divisors, rounds to q and
    solves for the scale that suits these q best.
    """
    peak = np.take_along_axis(groups, np.abs(groups).argmax(axis=2, keepdims=True), axis=2)[:, :, 0]
    best_scale, best_error = np.zeros_like(peak), np.full(peak.shape, np.inf, np.float32)
    for step in _TRIAL_STEPS:
        inverse = (np.float32(-32) + step) * reciprocal(peak)
        q = np.clip(np.rint(groups * inverse[:, :, None]), -32, 31)
        scale = (groups * q).sum(axis=2) * reciprocal(np.square(q).sum(axis=2))
        error = np.square(scale[:, :, None] * q - groups).sum(axis=2)
        best_scale = np.where(error < best_error, scale, best_scale)
        best_error = np.minimum(error, best_error)
    return best_scale
