"""What every backend checks about its arguments, in the same words.

A failed check is the caller's mistake: TypeError for a wrong kind of array, ValueError for a wrong size or value.
"""

from collections.abc import Sequence

import numpy as np

from runtime.kernels.ops import PAGE_SIZE, KVShape, PageTable


def check_shape(name: str, shape: Sequence[int], expected: Sequence[int]) -> None:
    """Sizes must agree; −1 in `expected` stands for any."""
    if len(shape) != len(expected) or any(want not in (-1, size) for size, want in zip(shape, expected, strict=True)):
        wanted = ", ".join("any" if want == -1 else str(want) for want in expected)
        raise ValueError(f"{name} has shape {list(shape)}; it must be [{wanted}].")


def check_int32(name: str, array: np.ndarray, ndim: int = 1) -> None:
    """An index array: numpy, int32, C order."""
    if not isinstance(array, np.ndarray) or array.dtype != np.int32:
        raise TypeError(f"{name} must be an int32 numpy array, got {_kind(array)}.")
    if array.ndim != ndim:
        raise ValueError(f"{name} has shape {list(array.shape)}; it must have {ndim} axes.")
    if not array.flags.c_contiguous:
        raise ValueError(f"{name} must be C-contiguous; pass np.ascontiguousarray({name}).")


def check_in_range(name: str, array: np.ndarray, limit: int) -> None:
    """Every index lies in 0 … limit − 1."""
    if array.size and not (int(array.min()) >= 0 and int(array.max()) < limit):
        bad = array[(array < 0) | (array >= limit)]
        raise ValueError(f"{name} holds {int(bad[0])}; indices must lie in 0 … {limit - 1}.")


def check_starts(name: str, starts: np.ndarray, num_rows: int) -> None:
    """Starts of consecutive runs: from 0 to the number of rows, never falling."""
    check_int32(name, starts)
    if starts.size == 0 or starts[0] != 0 or starts[-1] != num_rows or (np.diff(starts) < 0).any():
        raise ValueError(f"{name} is {starts.tolist()}; it must rise from 0 to the {num_rows} rows given.")


def check_page_table(pages: PageTable, num_tokens: int, shape: KVShape) -> None:
    """Every page that a step reads or writes exists in the pool, and lengths agree with each other."""
    check_int32("page_ids", pages.page_ids, ndim=2)
    check_int32("kv_lens", pages.kv_lens)
    check_starts("query_starts", pages.query_starts, num_tokens)
    num_sequences = len(pages.kv_lens)
    check_shape("query_starts", pages.query_starts.shape, (num_sequences + 1,))
    check_shape("page_ids", pages.page_ids.shape, (num_sequences, -1))
    for b, kv_len in enumerate(pages.kv_lens):
        num_new = pages.query_starts[b + 1] - pages.query_starts[b]
        if not num_new <= kv_len <= pages.page_ids.shape[1] * PAGE_SIZE:
            raise ValueError(
                f"kv_lens[{b}] is {kv_len}; sequence {b} has {num_new} new tokens "
                f"and {pages.page_ids.shape[1]} pages of {PAGE_SIZE}."
            )
        check_in_range(f"page_ids[{b}]", pages.page_ids[b, : -(-kv_len // PAGE_SIZE)], shape.num_pages)


def _kind(value: object) -> str:
    return f"{value.dtype} array" if isinstance(value, np.ndarray) else type(value).__name__
