"""The angles of RoPE for training: halves of a head rotate together."""

import numpy as np
import torch

from runtime.config import RopeConfig
from runtime.kernels.rope_frequencies import rope_frequencies
from runtime.training.kernels import Angles


def rotation_angles(positions: np.ndarray, rope: RopeConfig, freq_factors: np.ndarray | None = None) -> Angles:
    """Of every token by its position [T]."""
    angles = positions[:, None].astype(np.float64) * rope_frequencies(rope, freq_factors)
    cos, sin = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
    return torch.from_numpy(cos), torch.from_numpy(sin)
