"""Stored weights for tests of formats that have no quantiser: random bytes with scales of a sensible size."""

import numpy as np

from runtime.quant import FORMATS

# Where a block keeps its float16 scales; Q8_K's is float32 and handled below.
_SCALE_OFFSETS = {
    "Q4_0": (0,),
    "Q4_1": (0, 2),
    "Q5_0": (0,),
    "Q5_1": (0, 2),
    "Q8_0": (0,),
    "Q2_K": (80, 82),
    "Q3_K": (108,),
    "Q4_K": (0, 2),
    "Q5_K": (0, 2),
    "Q6_K": (208,),
    "IQ4_NL": (0,),
    "IQ4_XS": (0,),
}


def random_blocks(rng: np.random.Generator, format: str, shape: tuple[int, ...]) -> np.ndarray:
    """uint8 [..., row bytes] that dequantise to finite weights, most of them below 10 in magnitude."""
    stored = FORMATS[format]
    if format in ("F32", "F16", "BF16"):
        return _random_plain(rng, format, shape)
    num_blocks = stored.row_bytes(shape[-1]) * int(np.prod(shape[:-1])) // stored.block_bytes
    blocks = rng.integers(0, 256, (num_blocks, stored.block_bytes), dtype=np.uint8)
    for offset in _SCALE_OFFSETS.get(format, ()):
        scale = rng.uniform(-0.01, 0.01, (num_blocks, 1)).astype(np.float16)
        blocks[:, offset : offset + 2] = scale.view(np.uint8)
    if format == "Q8_K":
        blocks[:, :4] = rng.uniform(-0.01, 0.01, (num_blocks, 1)).astype(np.float32).view(np.uint8)
        blocks[:, 260:] = blocks[:, 4:260].view(np.int8).reshape(-1, 16, 16).sum(2, dtype=np.int16).view(np.uint8)
    return blocks.reshape(*shape[:-1], stored.row_bytes(shape[-1]))


def _random_plain(rng: np.random.Generator, format: str, shape: tuple[int, ...]) -> np.ndarray:
    weights = rng.standard_normal(shape, dtype=np.float32)
    if format == "BF16":
        return np.ascontiguousarray(weights.view(np.uint16)[..., 1::2]).view(np.uint8)
    return weights.astype(np.float16).view(np.uint8) if format == "F16" else weights.view(np.uint8)
