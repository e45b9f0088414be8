"""The gate of the feed-forward, activation(gate) · up, with a hand-written gradient that keeps only its input."""

from typing import Any

import torch
import torch.nn.functional as F

from runtime.config import Activation


def gated(gate_up: torch.Tensor, activation: Activation) -> torch.Tensor:
    """activation(gate) · up: [T, 2F] with the gate first → [T, F]. Source: Shazeer, arXiv:2002.05202."""
    y: torch.Tensor = _Gated.apply(gate_up, activation)  # type: ignore[no-untyped-call]
    return y


class _Gated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate_up: torch.Tensor, activation: Activation) -> torch.Tensor:
        ctx.save_for_backward(gate_up)
        ctx.activation = activation
        gate, up = gate_up.chunk(2, dim=-1)
        return _activate(gate, activation).mul_(up)

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor, None]:
        (gate_up,) = ctx.saved_tensors
        gate, up = gate_up.chunk(2, dim=-1)
        gradient = torch.empty_like(gate_up)
        dgate, dup = gradient.chunk(2, dim=-1)
        torch.mul(dy, _activate(gate, ctx.activation), out=dup)
        dgate.copy_(_activate_backward(dy * up, gate, ctx.activation))
        return gradient, None


def _activate(x: torch.Tensor, activation: Activation) -> torch.Tensor:
    if activation == "silu":
        return F.silu(x)
    return F.gelu(x, approximate="tanh" if activation == "gelu_tanh" else "none")


def _activate_backward(dy: torch.Tensor, x: torch.Tensor, activation: Activation) -> torch.Tensor:
    dx: torch.Tensor
    if activation == "silu":
        dx = torch.ops.aten.silu_backward(dy, x)
    else:
        dx = torch.ops.aten.gelu_backward(dy, x, approximate="tanh" if activation == "gelu_tanh" else "none")
    return dx
