"""The angles of rotary position embedding, worked out once for every backend."""

from functools import lru_cache

import numpy as np

from runtime.config import RopeConfig


def rope_frequencies(rope: RopeConfig, freq_factors: np.ndarray | None = None) -> np.ndarray:
    """Radians a position of each rotated pair: base^(−2i/dim) / (position_scale · freq_factors[i]).

    Returns:
        [dim / 2] float64. Backends multiply by the position in float64 and round sine and cosine to float32, so that
        late positions lose nothing.

    Raises:
        ValueError: `freq_factors` is not [dim / 2].
    """
    frequencies = _base_frequencies(rope)
    if freq_factors is None:
        return frequencies
    if freq_factors.shape != frequencies.shape:
        raise ValueError(f"freq_factors is {list(freq_factors.shape)}; a RoPE of dim {rope.dim} has {rope.dim // 2}.")
    return frequencies / freq_factors.astype(np.float64)


@lru_cache(maxsize=64)
def _base_frequencies(rope: RopeConfig) -> np.ndarray:
    exponents = np.arange(0, rope.dim, 2, dtype=np.float64) / rope.dim
    frequencies = np.asarray(rope.base**-exponents / rope.position_scale)
    frequencies.setflags(write=False)  # shared by every caller
    return frequencies
