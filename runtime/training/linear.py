"""Frozen linear maps with LoRA, as one differentiable product: no gradient for the frozen matrix, none of its memory.

Maps of one input run as one product [W1; W2; …]. Their low-rank terms run as two more: the a matrices one under the
other, the b matrices as the blocks of a block-diagonal one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from runtime.training import kernels
from runtime.training.weights import FrozenLinear


@dataclass(frozen=True, eq=False)
class LoraTerm:
    """What an adapter adds to rows `start` and following of a product: scale · b @ a."""

    a: torch.Tensor  # [R, K] float32
    b: torch.Tensor  # [N, R] float32
    scale: float
    start: int


@dataclass(frozen=True)
class Dropout:
    """Inputs of the low-rank terms to leave out. Drawn from the seed alone: a recomputed step draws the same."""

    rate: float
    seed: int


def frozen_linear(
    x: torch.Tensor, linear: FrozenLinear, terms: Sequence[LoraTerm], dropout: Dropout | None = None
) -> torch.Tensor:
    """x @ Wᵀ + bias + dropout(x) @ aᵀ @ bᵀ · scale: [T, K] → [T, N]. Gradients for x and every a and b."""
    parameters = [matrix for term in terms for matrix in (term.a, term.b)]
    y: torch.Tensor = _FrozenLinear.apply(x, linear, tuple(terms), dropout, *parameters)  # type: ignore[no-untyped-call]
    return y


def normed_linear(
    x: torch.Tensor,
    delta: torch.Tensor | None,
    norm: torch.Tensor,
    eps: float,
    linear: FrozenLinear,
    terms: Sequence[LoraTerm],
    dropout: Dropout | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """`frozen_linear` of RMSNorm(x + delta) with the weights `norm`, and x + delta, to which layers add on.

    The norm is not kept but made again for the gradient: it would be a fifth of all that a layer keeps.
    """
    parameters = [matrix for term in terms for matrix in (term.a, term.b)]
    y, total = _NormedLinear.apply(x, delta, norm, eps, linear, tuple(terms), dropout, *parameters)  # type: ignore[no-untyped-call]
    return y, total


class _NormedLinear(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        delta: torch.Tensor | None,
        norm: torch.Tensor,
        eps: float,
        linear: FrozenLinear,
        terms: tuple[LoraTerm, ...],
        dropout: Dropout | None,
        *parameters: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        total, normed, inverse_rms = kernels.norm(x, delta, norm, eps)
        y, low = multiply(normed, linear, terms, dropout)
        ctx.eps, ctx.linear, ctx.terms, ctx.dropout = eps, linear, terms, dropout
        ctx.save_for_backward(total, norm, inverse_rms, low)
        return y, total

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor, dtotal: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        total, norm, inverse_rms, low = ctx.saved_tensors
        needs_x, needs_delta = ctx.needs_input_grad[:2]
        dx, dlow = None, None
        if needs_x or needs_delta:
            dnormed, dlow = input_gradient(dy, ctx.linear, ctx.terms, ctx.dropout)
            dx = kernels.norm_gradient(total, dnormed, dtotal, norm, inverse_rms)
        normed = kernels.norm(total, None, norm, ctx.eps)[1] if ctx.terms else None
        gradients = term_gradients(dy, normed, low, dlow, ctx.linear, ctx.terms, ctx.dropout)
        return dx if needs_x else None, dx if needs_delta else None, None, None, None, None, None, *gradients


class _FrozenLinear(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        linear: FrozenLinear,
        terms: tuple[LoraTerm, ...],
        dropout: Dropout | None,
        *parameters: torch.Tensor,
    ) -> torch.Tensor:
        ctx.linear, ctx.terms, ctx.dropout = linear, terms, dropout
        y, low = multiply(x, linear, terms, dropout)
        if low is not None:
            ctx.save_for_backward(x, low)
        return y

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, low = ctx.saved_tensors if ctx.terms else (None, None)
        dx, dlow = input_gradient(dy, ctx.linear, ctx.terms, ctx.dropout) if ctx.needs_input_grad[0] else (None, None)
        return dx, None, None, None, *term_gradients(dy, x, low, dlow, ctx.linear, ctx.terms, ctx.dropout)


def multiply(
    x: torch.Tensor, linear: FrozenLinear, terms: tuple[LoraTerm, ...], dropout: Dropout | None
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """`frozen_linear` without its gradients, and dropout(x) @ aᵀ [T, sum of R], which they need."""
    y = F.linear(x, linear.matrix.read(), linear.bias)
    if not terms:
        return y, None
    a, b = _stacked(terms, linear.matrix.shape[0], x.dtype)
    low = F.linear(_dropped(x, dropout), a)
    return y.addmm_(low, b.T), low


def input_gradient(
    dy: torch.Tensor, linear: FrozenLinear, terms: tuple[LoraTerm, ...], dropout: Dropout | None
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """That of x [T, K], and of dropout(x) @ aᵀ on the way."""
    dx = dy @ linear.matrix.read()
    if not terms:
        return dx, None
    a, b = _stacked(terms, linear.matrix.shape[0], dy.dtype)
    dlow = dy @ b
    return (dx.addmm_(dlow, a) if dropout is None else dx + _dropped(dlow @ a, dropout)), dlow


def term_gradients(
    dy: torch.Tensor,
    x: torch.Tensor | None,
    low: torch.Tensor | None,
    dlow: torch.Tensor | None,
    linear: FrozenLinear,
    terms: tuple[LoraTerm, ...],
    dropout: Dropout | None,
) -> list[torch.Tensor]:
    """Those of each a and b in turn, float32. `low` is of `multiply`, `dlow` of `input_gradient` if it was asked."""
    if not terms:
        return []
    assert x is not None and low is not None
    if dlow is None:
        dlow = dy @ _stacked(terms, linear.matrix.shape[0], dy.dtype)[1]
    da = (dlow.T @ _dropped(x, dropout)).float()
    db = (low.T @ dy).T.float()  # so that the tall matrix is read as it lies
    gradients: list[torch.Tensor] = []
    column = 0
    for term in terms:
        num_outputs, rank = term.b.shape
        gradients.append(da[column : column + rank])
        gradients.append(db[term.start : term.start + num_outputs, column : column + rank].mul(term.scale))
        column += rank
    return gradients


def _stacked(terms: tuple[LoraTerm, ...], num_outputs: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """The a matrices one under the other, and [N, sum of R] with the scaled b matrices where they belong."""
    a = torch.cat([term.a.detach() for term in terms]).to(dtype)
    b = torch.zeros((num_outputs, a.shape[0]), dtype=dtype)
    column = 0
    for term in terms:
        rows, rank = term.b.shape
        b[term.start : term.start + rows, column : column + rank] = term.b.detach() * term.scale
        column += rank
    return a, b


def _dropped(x: torch.Tensor, dropout: Dropout | None) -> torch.Tensor:
    if dropout is None:
        return x
    generator = torch.Generator().manual_seed(dropout.seed)
    kept = torch.rand(x.shape, generator=generator) >= dropout.rate
    return x * kept.to(x.dtype) * (1 / (1 - dropout.rate))
