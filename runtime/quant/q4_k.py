"""Q4_K: 256 weights of 4 bits, in 8 groups of 32 with a 6-bit scale and a 6-bit minimum; 4.5 bits a weight.

byte  0   2      4            16                 144
      ├ d ┼ dmin ┼ scales[12] ┼──── qs[128] ─────┤
d       float16, multiplies the scales
dmin    float16, multiplies the minimums
scales  see k_scales.py
qs      four runs of 32 bytes; a run keeps 64 weights as two planes of 4 bits

weight = (d · scale) · q − dmin · minimum
"""

import numpy as np

from runtime.quant.format import Bytes, Floats, Format
from runtime.quant.k_scales import pack_scales, unpack_scales
from runtime.quant.packing import float16_bytes, pack_planes, read_float16, reciprocal, unpack_planes

FORMAT = Format("Q4_K", 12, 256, 144)

_TRIAL_STEPS = np.linspace(-1, 2, 13, dtype=np.float32)  # how far past 15 the range of a group may be stretched


def dequantize_blocks(blocks: Bytes) -> Floats:
    """[n, 144] bytes → [n, 256] float32."""
    scales, minimums = unpack_scales(blocks[:, 4:16])
    scale = read_float16(blocks, 0) * scales.astype(np.float32)
    minimum = read_float16(blocks, 2) * minimums.astype(np.float32)
    q = unpack_planes(blocks[:, 16:].reshape(-1, 4, 32), 4).reshape(-1, 8, 32).astype(np.float32)
    return (scale[:, :, None] * q - minimum[:, :, None]).reshape(-1, 256)


def quantize_blocks(weights: Floats) -> Bytes:
    """[n, 256] float32 → [n, 144] bytes.

    Each group's scale and minimum are fitted by least squares, then rounded to 6 bits, and the weights are rounded
    against what those 6 bits mean. Other programs search differently, so the bytes are ours; the format is not.
    """
    groups = weights.reshape(-1, 8, 32)
    scale, minimum = _fit_groups(groups)
    d_bytes = float16_bytes(scale.max(axis=1, keepdims=True) / np.float32(63), "Q4_K")
    dmin_bytes = float16_bytes(minimum.max(axis=1, keepdims=True) / np.float32(63), "Q4_K")
    d, dmin = d_bytes.view(np.float16).astype(np.float32), dmin_bytes.view(np.float16).astype(np.float32)
    scales = np.clip(np.rint(scale * reciprocal(d)), 0, 63).astype(np.uint8)
    minimums = np.clip(np.rint(minimum * reciprocal(dmin)), 0, 63).astype(np.uint8)
    inverse = reciprocal(d * scales.astype(np.float32))[:, :, None]
    floor = (dmin * minimums.astype(np.float32))[:, :, None]
    q = np.clip(np.rint((groups + floor) * inverse), 0, 15).astype(np.uint8)
    packed = pack_planes(q.reshape(-1, 4, 2, 32), 4).reshape(-1, 128)
    return np.concatenate([d_bytes, dmin_bytes, pack_scales(scales, minimums), packed], axis=1)


def _fit_groups(groups: Floats) -> tuple[Floats, Floats]:
    """[n, 8, 32] → scale and minimum, each [n, 8] and ≥ 0, so that scale · q − minimum is close for some q in 0…15.

    For several ways to stretch the range, rounds to q and solves for the scale and minimum that suit these q best.
    """
    lowest = np.minimum(groups.min(axis=2), np.float32(0))  # a minimum is subtracted: it cannot be negative
    span = groups.max(axis=2) - lowest
    best_scale, best_minimum = span / np.float32(15), -lowest
    best_error = np.full(span.shape, np.inf, np.float32)
    for step in _TRIAL_STEPS:
        inverse = (np.float32(15) + step) * reciprocal(span)
        q = np.clip(np.rint((groups - lowest[:, :, None]) * inverse[:, :, None]), 0, 15)
        scale, minimum = _least_squares(groups, q)
        error = np.square(scale[:, :, None] * q - minimum[:, :, None] - groups).sum(axis=2)
        better = (error < best_error) & (scale > 0)
        best_scale, best_minimum = np.where(better, scale, best_scale), np.where(better, minimum, best_minimum)
        best_error = np.where(better, error, best_error)
    return best_scale, best_minimum


def _least_squares(groups: Floats, q: Floats) -> tuple[Floats, Floats]:
    """Scale and minimum ≥ 0, each [n, 8], that bring scale · q − minimum closest to the weights; 0 where q is flat."""
    mean_w, mean_q = groups.mean(axis=2), q.mean(axis=2)
    covariance = (groups * q).mean(axis=2) - mean_w * mean_q
    variance = np.square(q).mean(axis=2) - np.square(mean_q)
    scale = np.divide(covariance, variance, out=np.zeros_like(mean_w), where=variance > 0)
    minimum = scale * mean_q - mean_w
    # Where the free solution wants a negative minimum, the best allowed one is 0, with the scale that goes with it.
    through_zero = (groups * q).sum(axis=2) * reciprocal(np.square(q).sum(axis=2))
    return np.where(minimum < 0, through_zero, scale), np.maximum(minimum, np.float32(0))
