"""All block formats by name, and the two conversions over whole arrays.

Dequantising is the format's own arithmetic in float32, one operation at a time; every kernel is tested against it.
"""

from collections.abc import Callable, Iterator

import numpy as np

from runtime.quant import (
    iq4_nl,
    iq4_xs,
    plain,
    q2_k,
    q3_k,
    q4_0,
    q4_1,
    q4_k,
    q5_0,
    q5_1,
    q5_k,
    q6_k,
    q8_0,
    q8_k,
)
from runtime.quant.format import Bytes, Floats, Format

_DEQUANTIZERS: dict[str, tuple[Format, Callable[[Bytes], Floats]]] = {
    "F32": (plain.F32, plain.dequantize_f32),
    "F16": (plain.F16, plain.dequantize_f16),
    "BF16": (plain.BF16, plain.dequantize_bf16),
    **{
        module.FORMAT.name: (module.FORMAT, module.dequantize_blocks)
        for module in (q4_0, q4_1, q5_0, q5_1, q8_0, q2_k, q3_k, q4_k, q5_k, q6_k, q8_k, iq4_nl, iq4_xs)
    },
}

_QUANTIZERS: dict[str, Callable[[Floats], Bytes]] = {
    "F32": plain.quantize_f32,
    "F16": plain.quantize_f16,
    "BF16": plain.quantize_bf16,
    **{module.FORMAT.name: module.quantize_blocks for module in (q4_0, q4_1, q5_0, q5_1, q8_0, q4_k, q6_k)},
}

FORMATS: dict[str, Format] = {name: format for name, (format, _) in _DEQUANTIZERS.items()}
QUANTIZABLE: tuple[str, ...] = tuple(_QUANTIZERS)  # the formats `quantize` can write

# 128 KiB of float32, so that temporaries stay in the second-level cache: Q4_K takes a third of the time of 1 << 16.
_WEIGHTS_AT_ONCE = 1 << 15


def format_of_type(type_id: int) -> Format | None:
    """The format that GGUF files call `type_id`, or None where this build does not read it."""
    return next((format for format in FORMATS.values() if format.type_id == type_id), None)


def dequantize(data: np.ndarray, format: str, shape: tuple[int, ...]) -> np.ndarray:
    """The weights in `data` as a new float32 array of `shape`.

    Args:
        data: uint8, any shape, rows one after the other; as many bytes as `shape` takes. Not changed.
        format: a name in `FORMATS`.
        shape: numpy order, so a matrix is (N, K) and blocks run along the last axis.

    Raises:
        ValueError: unknown format, a row that is no multiple of the block size, or a byte count that does not match.
    """
    stored, convert = _DEQUANTIZERS[_known(format)]
    num_bytes = _num_bytes(stored, shape)
    if data.dtype != np.uint8:
        raise ValueError(f"Stored weights are uint8, got {data.dtype}.")
    if data.size != num_bytes:
        raise ValueError(f"{format} weights of shape {shape} take {num_bytes} bytes, got {data.size}.")
    blocks = np.ascontiguousarray(data).reshape(-1, stored.block_bytes)
    weights = np.empty((len(blocks), stored.block_size), np.float32)
    # A stored scale may be infinite or NaN, and then so are the weights: the format has it so, and a caller can look.
    with np.errstate(invalid="ignore", over="ignore"):
        for part in _parts(len(blocks), stored.block_size):
            weights[part] = convert(blocks[part])
    return weights.reshape(shape)


def quantize(array: np.ndarray, format: str) -> np.ndarray:
    """The weights of a float array [..., K] as stored bytes: a new uint8 array [..., row_bytes(K)].

    Raises:
        ValueError: unknown format or one without a quantiser, K no multiple of the block size, weights that are not
            finite (F32, F16 and BF16 keep them) or too large for the format's scales.
    """
    if _known(format) not in _QUANTIZERS:
        raise ValueError(f"{format} can be read but not written; {', '.join(QUANTIZABLE)} can be written.")
    stored = FORMATS[format]
    num_bytes = _num_bytes(stored, array.shape)
    weights = np.ascontiguousarray(array, np.float32).reshape(-1, stored.block_size)
    if stored.block_size > 1 and not np.isfinite(weights).all():
        raise ValueError(f"Weights that are NaN or infinite cannot be stored as {format}; use F32, F16 or BF16.")
    blocks = np.empty((num_bytes // stored.block_bytes, stored.block_bytes), np.uint8)
    convert = _QUANTIZERS[format]
    with np.errstate(invalid="ignore", over="ignore"):
        for part in _parts(len(blocks), stored.block_size):
            blocks[part] = convert(weights[part])
    return blocks.reshape(*array.shape[:-1], -1)


def _known(format: str) -> str:
    if format not in FORMATS:
        raise ValueError(f"{format!r} is not a weight format; there are {', '.join(FORMATS)}.")
    return format


def _num_bytes(stored: Format, shape: tuple[int, ...]) -> int:
    if not shape or min(shape) <= 0:
        raise ValueError(f"Weights have one or more dimensions, each positive; got shape {shape}.")
    num_bytes = stored.row_bytes(shape[-1])
    for size in shape[:-1]:
        num_bytes *= size
    return num_bytes


def _parts(num_blocks: int, block_size: int) -> Iterator[slice]:
    """Slices that cover all blocks, each small enough for its temporaries to stay in the cache."""
    step = max(1, _WEIGHTS_AT_ONCE // block_size)
    for start in range(0, num_blocks, step):
        yield slice(start, start + step)
