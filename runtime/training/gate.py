"""The second half of the feed-forward, down(activation(gate) · up), with a hand-written gradient.

It keeps its input alone: what goes into the down product is made again for the gradient, which needs its parts anyway.
"""

from collections.abc import Sequence
from typing import Any

import torch

from runtime.config import Activation
from runtime.training import kernels
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
        y, low = multiply(kernels.gate(gate_up, activation), down, terms, dropout)
        ctx.save_for_backward(gate_up, low)
        return y

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        gate_up, low = ctx.saved_tensors
        dhidden, dlow = input_gradient(dy, ctx.down, ctx.terms, ctx.dropout)
        dgate_up, hidden = kernels.gate_gradient(gate_up, dhidden, ctx.activation)
        gradients = term_gradients(dy, hidden, low, dlow, ctx.down, ctx.terms, ctx.dropout)
        return dgate_up, None, None, None, None, *gradients
