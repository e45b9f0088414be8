"""Bits and scales as blocks keep them: the few moves that all formats share.

Blocks are uint8 arrays [n, block_bytes]. Packed fields keep weights in *planes*: the low bits of W bytes in a row are
the first W weights, the next bits of the same bytes the W after them.
"""

import numpy as np

from runtime.quant.format import Bytes, Floats


def unpack_planes(packed: Bytes, bits: int) -> Bytes:
    """Split bytes [..., W] into planes [..., 8 / bits, W] of `bits` bits each, lowest first; uint8."""
    shifts = np.arange(0, 8, bits, dtype=np.uint8)[:, None]
    return (packed[..., None, :] >> shifts) & np.uint8((1 << bits) - 1)


def pack_planes(planes: Bytes, bits: int) -> Bytes:
    """Undo `unpack_planes`: uint8 [..., 8 / bits, W], each value below 2^bits → bytes [..., W]."""
    shifts = np.arange(0, 8, bits, dtype=np.uint8)[:, None]
    packed: Bytes = np.bitwise_or.reduce(planes << shifts, axis=-2)
    return packed


def read_float16(blocks: Bytes, start: int) -> Floats:
    """The float16 at byte `start` of each block, as float32 [n, 1]."""
    return blocks[:, start : start + 2].view(np.float16).astype(np.float32)


def float16_bytes(values: Floats, name: str) -> Bytes:
    """float32 [n, 1] as the bytes [n, 2] of float16.

    Raises:
        ValueError: a value is beyond float16.
    """
    with np.errstate(over="ignore"):
        halves = values.astype(np.float16)
    if not np.isfinite(halves).all():
        worst = float(np.abs(values).max())
        raise ValueError(f"These weights are too large for {name}: a scale of {worst:.6g} is beyond float16's 65504.")
    return halves.view(np.uint8)


def reciprocal(scale: Floats) -> Floats:
    """1 / scale, and 0 where that is not finite: such a block holds nothing but zeros once its scale is float16."""
    with np.errstate(divide="ignore", over="ignore"):
        inverse = np.float32(1) / scale
    return np.where(np.isfinite(inverse), inverse, np.float32(0))
