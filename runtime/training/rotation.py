"""RoPE for training: halves of a head rotate together; the gradient is the rotation back."""

from typing import Any

import numpy as np
import torch

from runtime.config import RopeConfig
from runtime.kernels.rope_frequencies import rope_frequencies

Angles = tuple[torch.Tensor, torch.Tensor]  # cosine and sine, each [T, 1, dim / 2] float32


def rotation_angles(positions: np.ndarray, rope: RopeConfig, freq_factors: np.ndarray | None = None) -> Angles:
    """Of every token by its position [T]."""
    angles = positions[:, None].astype(np.float64) * rope_frequencies(rope, freq_factors)
    cos, sin = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
    return torch.from_numpy(cos)[:, None, :], torch.from_numpy(sin)[:, None, :]


def rotate(x: torch.Tensor, angles: Angles) -> torch.Tensor:
    """x [T, H, D] with element i of its first `dim` turned against element i + dim/2; what is past `dim` stays.

    Source: Su et al., arXiv:2104.09864.
    """
    y: torch.Tensor = _Rotate.apply(x, *angles)  # type: ignore[no-untyped-call]
    return y


class _Rotate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(cos, sin)
        return _turn(x, cos, sin)

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        return _turn(dy, cos, -sin), None, None


def _turn(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    half = cos.shape[-1]
    wide = x.float()
    first, second, rest = wide[..., :half], wide[..., half : 2 * half], x[..., 2 * half :]
    y = torch.empty(x.shape, dtype=x.dtype)
    y[..., :half] = (first * cos).addcmul_(second, sin, value=-1)
    y[..., half : 2 * half] = (second * cos).addcmul_(first, sin)
    if rest.shape[-1]:
        y[..., 2 * half :] = rest
    return y
