"""Cross-entropy over the vocabulary, a few rows at a time: the logits [T, V] are never all in memory.

The gradient of a row follows from its logits at once, so the forward pass works it out while it has them and keeps
[T, E] of it: the product with the head runs once forward and once for the gradient, as if the logits had been kept.
"""

from typing import Any

import torch
import torch.nn.functional as F

from runtime.training.weights import FrozenMatrix

ROWS_AT_ONCE = 128  # with a vocabulary of 50,000 the logits of one chunk take 25 MB


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
        wants_gradient = ctx.needs_input_grad[0]
        gradient = torch.empty_like(hidden) if wants_gradient else None
        losses = torch.empty(len(hidden), dtype=torch.float32)
        for start in range(0, len(hidden), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            logits = F.linear(hidden[rows], weight).float()
            bend = torch.tanh(logits / softcap) if softcap is not None else None
            if bend is not None and softcap is not None:
                logits = bend * softcap
            target = targets[rows, None]
            # In place and once: a pass over a chunk costs as much as a layer's norm, and logsumexp alone takes three.
            logits.sub_(logits.amax(1, keepdim=True))
            chosen = logits.gather(1, target)
            mass = logits.exp_().sum(1, keepdim=True)
            losses[rows] = (mass.log() - chosen).squeeze(1)
            if gradient is not None:
                slope = logits.div_(mass)  # softmax
                slope.scatter_add_(1, target, torch.full_like(chosen, -1.0))
                if bend is not None:
                    slope.mul_(1 - bend.square())
                gradient[rows] = slope.to(hidden.dtype) @ weight
        if gradient is not None:
            ctx.save_for_backward(gradient)
        return losses

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return (gradient * dy[:, None]).to(gradient.dtype), None, None, None
