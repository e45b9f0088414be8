"""Cross-entropy over the vocabulary, a few rows at a time: the logits [T, V] are never all in memory.

The gradient of a row follows from its logits at once, so the forward pass works it out while it has them and keeps
[T, E] of it: the product with the head runs once forward and once for the gradient, as if the logits had been kept.
"""

from typing import Any

import torch

from runtime.training import kernels
from runtime.training.weights import FrozenMatrix

ROWS_AT_ONCE = 256  # with a vocabulary of 50,000 the logits of one chunk take 25 MB in bfloat16


def cross_entropy(
    hidden: torch.Tensor, head: FrozenMatrix, targets: torch.Tensor, softcap: float | None = None
) -> torch.Tensor:
    """−log p(target) of every row, [R] float32. hidden [R, E], head (V, E), targets [R] int64."""
    losses: torch.Tensor = _CrossEntropy.apply(hidden, head, targets, softcap)  # type: ignore[no-untyped-call]
    return losses


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, head: FrozenMatrix, targets: torch.Tensor, softcap: float | None
    ) -> torch.Tensor:
        weight = head.read()
        gradient = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        losses = torch.empty(len(hidden), dtype=torch.float32)
        # One buffer for all chunks: memory fresh from the system would cost as much again as the product.
        buffer = torch.empty((min(ROWS_AT_ONCE, len(hidden)), len(weight)), dtype=hidden.dtype)
        for start in range(0, len(hidden), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            logits = buffer[: len(hidden[rows])]
            torch.mm(hidden[rows], weight.T, out=logits)
            losses[rows] = kernels.loss_(logits, targets[rows], softcap, gradient is not None)
            if gradient is not None:
                torch.mm(logits, weight, out=gradient[rows])  # `loss_` has turned them into their gradient
        if gradient is not None:
            ctx.save_for_backward(gradient)
        return losses

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return (gradient * dy[:, None]).to(gradient.dtype), None, None, None
