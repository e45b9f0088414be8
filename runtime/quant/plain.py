"""F32, F16 and BF16: one number a weight, no blocks.

    F32   4 bytes, little-endian IEEE 754 binary32
    F16   2 bytes, little-endian IEEE 754 binary16
    BF16  2 bytes, the upper half of a binary32

For the functions below a block is a single weight: [n, 4] or [n, 2] bytes ↔ [n, 1] float32.
"""

import numpy as np

from runtime.quant.format import Bytes, Floats, Format

F32 = Format("F32", 0, 1, 4)
F16 = Format("F16", 1, 1, 2)
BF16 = Format("BF16", 30, 1, 2)


def dequantize_f32(blocks: Bytes) -> Floats:
    """[n, 4] bytes → [n, 1] float32, the same bits."""
    return blocks.view(np.float32)


def quantize_f32(weights: Floats) -> Bytes:
    """[n, 1] float32 → [n, 4] bytes, the same bits."""
    return weights.view(np.uint8)


def dequantize_f16(blocks: Bytes) -> Floats:
    """[n, 2] bytes → [n, 1] float32, exact."""
    return blocks.view(np.float16).astype(np.float32)


def quantize_f16(weights: Floats) -> Bytes:
    """[n, 1] float32 → [n, 2] bytes, rounded to nearest even; beyond 65504 becomes infinite, as IEEE 754 has it."""
    return weights.astype(np.float16).view(np.uint8)


def dequantize_bf16(blocks: Bytes) -> Floats:
    """[n, 2] bytes → [n, 1] float32, exact."""
    return (blocks.view(np.uint16).astype(np.uint32) << np.uint32(16)).view(np.float32)


def quantize_bf16(weights: Floats) -> Bytes:
    """[n, 1] float32 → [n, 2] bytes, rounded to nearest even; a NaN stays one."""
    bits = weights.view(np.uint32)
    is_nan = (bits & np.uint32(0x7FFFFFFF)) > np.uint32(0x7F800000)
    # Half of the last kept place, less one unless that place is odd; uint32 cannot overflow: NaNs are set aside.
    rounded = np.where(is_nan, 0, bits) + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    quiet = bits | np.uint32(0x00400000)  # a NaN whose only set bits are in the lower half would become infinity
    return (np.where(is_nan, quiet, rounded) >> np.uint32(16)).astype(np.uint16).view(np.uint8)
