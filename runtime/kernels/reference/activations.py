"""Elementwise activations by name."""

from collections.abc import Callable
from typing import get_args

import torch
import torch.nn.functional as F

from runtime.kernels.ops import MatmulActivation


def activate(x: torch.Tensor, activation: MatmulActivation | None) -> torch.Tensor:
    """x · sigmoid(x), or x · Φ(x) exactly or by tanh (arXiv:1606.08415); None leaves x.

    Raises:
        ValueError: an unknown name.
    """
    if activation is None:
        return x
    if activation not in _ACTIVATIONS:
        raise ValueError(f"activation is {activation!r}; known are {', '.join(get_args(MatmulActivation))}.")
    return _ACTIVATIONS[activation](x)


def _gelu_tanh(x: torch.Tensor) -> torch.Tensor:
    return F.gelu(x, approximate="tanh")


_ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "silu": F.silu,
    "gelu": F.gelu,
    "gelu_tanh": _gelu_tanh,
}
