"""The second half of the feed-forward, down(activation(gate) · up), with a hand-written gradient.

It keeps its input alone: what goes into the down product is made again for the gradient, which needs its parts anyway.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from runtime.config import Activation
from runtime.training.linear import Dropout, LoraTerm, input_gradient, multiply, term_gradients
from runtime.training.weights import FrozenLinear


def gated_linear(
    gate_up: torch.Tensor,
    activation: Activation,
    down: FrozenLinear,
    terms: Sequence[LoraTerm],
    dropout: Dropout | None = None,
) -> torch.Tensor:
    """`frozen_linear` of activation(gate) · up: [T, 2F] with the gate first → [T, E].

    Source: Shazeer, arXiv:2002.05202.
    """
    parameters = [matrix for term in terms for matrix in (term.a, term.b)]
    y: torch.Tensor = _GatedLinear.apply(gate_up, activation, down, tuple(terms), dropout, *parameters)  # type: ignore[no-untyped-call]
    return y


class _GatedLinear(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        gate_up: torch.Tensor,
        activation: Activation,
        down: FrozenLinear,
        terms: tuple[LoraTerm, ...],
        dropout: Dropout | None,
        *parameters: torch.Tensor,
    ) -> torch.Tensor:
        ctx.activation, ctx.down, ctx.terms, ctx.dropout = activation, down, terms, dropout
        gate, up = gate_up.chunk(2, dim=-1)
        y, low = multiply(_activate(gate, activation).mul_(up), down, terms, dropout)
        ctx.save_for_backward(gate_up, low)
        return y

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        gate_up, low = ctx.saved_tensors
        gate, up = gate_up.chunk(2, dim=-1)
        activated = _activate(gate, ctx.activation)
        dhidden, dlow = input_gradient(dy, ctx.down, ctx.terms, ctx.dropout)
        hidden = activated * up if ctx.terms else None
        gradients = term_gradients(dy, hidden, low, dlow, ctx.down, ctx.terms, ctx.dropout)
        gradient = torch.empty_like(gate_up)
        dgate, dup = gradient.chunk(2, dim=-1)
        torch.mul(dhidden, activated, out=dup)
        dgate.copy_(_activate_backward(dhidden.mul_(up), gate, ctx.activation))
        return gradient, None, None, None, None, *gradients


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
