"""Rotary position embedding."""

import numpy as np
import torch

from runtime.config import RopeConfig
from runtime.kernels.rope_frequencies import rope_frequencies


def rotate(
    x: torch.Tensor, positions: np.ndarray, rope: RopeConfig, freq_factors: np.ndarray | None = None
) -> torch.Tensor:
    """Rotate pairs of the first `rope.dim` of the last axis by position · frequency. x [T, H, D], positions [T].

    A pair is two neighbours where `rope.interleaved`, else elements i and i + dim/2. The rest of D passes through.
    Source: Su et al., arXiv:2104.09864.
    """
    angles = positions[:, None].astype(np.float64) * rope_frequencies(rope, freq_factors)
    cos = torch.from_numpy(np.cos(angles).astype(np.float32)).to(x.device)[:, None, :]  # [T, 1, dim / 2]
    sin = torch.from_numpy(np.sin(angles).astype(np.float32)).to(x.device)[:, None, :]

    rotated, rest = x[..., : rope.dim], x[..., rope.dim :]
    if rope.interleaved:
        first, second = rotated[..., 0::2], rotated[..., 1::2]
    else:
        first, second = rotated.chunk(2, dim=-1)
    new_first = first * cos - second * sin
    new_second = second * cos + first * sin
    if rope.interleaved:
        rotated = torch.stack((new_first, new_second), dim=-1).flatten(-2)
    else:
        rotated = torch.cat((new_first, new_second), dim=-1)
    return torch.cat((rotated, rest), dim=-1)
