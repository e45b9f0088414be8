"""The ops in numpy float64, one position at a time: what kernels are measured against."""

from collections.abc import Sequence
from math import erf, sqrt

import numpy as np

from runtime.config import RopeConfig
from runtime.kernels.ops import PAGE_SIZE, PageTable


def normal_cdf(x: np.ndarray) -> np.ndarray:
    """Φ(x), from the error function of the standard library."""
    return np.vectorize(lambda value: 0.5 * (1 + erf(value / sqrt(2))), otypes=[np.float64])(x)


def activate(x: np.ndarray, activation: str | None) -> np.ndarray:
    if activation == "silu":
        return x / (1 + np.exp(-x))
    if activation == "gelu":
        return x * normal_cdf(x)
    if activation == "gelu_tanh":
        return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return x


def rotate(x: np.ndarray, positions: Sequence[int], rope: RopeConfig) -> np.ndarray:
    """x [T, H, D] with its pairs turned as complex numbers."""
    out = x.astype(np.float64)
    for t, position in enumerate(positions):
        for i in range(rope.dim // 2):
            a, b = (2 * i, 2 * i + 1) if rope.interleaved else (i, i + rope.dim // 2)
            turned = (out[t, :, a] + 1j * out[t, :, b]) * np.exp(
                1j * position / rope.position_scale * rope.base ** (-2 * i / rope.dim)
            )
            out[t, :, a], out[t, :, b] = turned.real, turned.imag
    return out


def attend_one(q: np.ndarray, k: np.ndarray, v: np.ndarray, scale: float, softcap: float | None = None) -> np.ndarray:
    """One token's heads q [H, D] over all of k, v [S, K, D] → [H, D]."""
    group_size = q.shape[0] // k.shape[1]
    out = np.empty(q.shape, np.float64)
    for head, query in enumerate(q.astype(np.float64)):
        keys, values = (part[:, head // group_size].astype(np.float64) for part in (k, v))
        scores = keys @ query * scale
        if softcap is not None:
            scores = softcap * np.tanh(scores / softcap)
        weights = np.exp(scores - scores.max())
        out[head] = weights @ values / weights.sum()
    return out


class StoredSequences:
    """Sequences of random keys and values with shuffled pages, as a step sees them."""

    def __init__(self, rng: np.random.Generator, kv_lens: Sequence[int], num_new: Sequence[int]) -> None:
        num_pages = [-(-kv_len // PAGE_SIZE) for kv_len in kv_lens]
        self.num_pages = sum(num_pages) + 3
        page_ids = np.full((len(kv_lens), max(num_pages) + 1), 2**31 - 1, np.int32)  # past the last page: ignored
        shuffled = rng.permutation(self.num_pages).astype(np.int32)
        for b, count in enumerate(num_pages):
            page_ids[b, :count], shuffled = shuffled[:count], shuffled[count:]
        self.everything = PageTable(page_ids, _starts(kv_lens), np.array(kv_lens, np.int32))
        self.step = PageTable(page_ids, _starts(num_new), np.array(kv_lens, np.int32))

    def attend(
        self,
        q: np.ndarray,
        k: np.ndarray,
        v: np.ndarray,
        scale: float,
        window: int | None = None,
        softcap: float | None = None,
    ) -> np.ndarray:
        """The step's q [T, H, D] over k, v of all tokens of all sequences, in order → [T, H, D]."""
        out = np.empty(q.shape, np.float64)
        for b, first in enumerate(self.everything.query_starts[:-1]):
            rows = range(self.step.query_starts[b], self.step.query_starts[b + 1])
            for row, position in zip(rows, self.step.positions()[rows.start : rows.stop], strict=True):
                begin = 0 if window is None else max(0, position - window + 1)
                seen = slice(first + begin, first + position + 1)
                out[row] = attend_one(q[row], k[seen], v[seen], scale, softcap)
        return out


def _starts(lens: Sequence[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lens)]).astype(np.int32)
