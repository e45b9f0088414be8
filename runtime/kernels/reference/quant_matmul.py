"""Matrix products against stored weights, with their epilogues."""

import torch

from runtime.kernels.ops import MatmulActivation
from runtime.kernels.reference.activations import activate


def quant_matmul(
    x: torch.Tensor,
    weight: torch.Tensor,
    *,
    bias: torch.Tensor | None = None,
    addend: torch.Tensor | None = None,
    row_scale: torch.Tensor | None = None,
    residual: torch.Tensor | None = None,
    activation: MatmulActivation | None = None,
) -> torch.Tensor:
    """activation((x @ weightᵀ + addend) · row_scale + bias) + residual: [T, K], (N, K) → [T, N].

    `addend` is LoRA's term (arXiv:2106.09685), `row_scale` DoRA's magnitude over norm (arXiv:2402.09353).
    """
    y = x @ weight.T
    if addend is not None:
        y = y + addend
    if row_scale is not None:
        y = y * row_scale
    if bias is not None:
        y = y + bias
    y = activate(y, activation)
    return y if residual is None else y + residual


def gated_matmul(
    x: torch.Tensor,
    gate: torch.Tensor,
    up: torch.Tensor,
    activation: MatmulActivation,
    *,
    gate_addend: torch.Tensor | None = None,
    up_addend: torch.Tensor | None = None,
    gate_row_scale: torch.Tensor | None = None,
    up_row_scale: torch.Tensor | None = None,
) -> torch.Tensor:
    """activation(gate's product) · (up's product), each with addend and row_scale: [T, K] → [T, F].

    Source: arXiv:2002.05202; addends and row scales as in `quant_matmul`.
    """
    gated = quant_matmul(x, gate, addend=gate_addend, row_scale=gate_row_scale, activation=activation)
    return gated * quant_matmul(x, up, addend=up_addend, row_scale=up_row_scale)


def logits(x: torch.Tensor, head: torch.Tensor, softcap: float | None = None) -> torch.Tensor:
    """[R, E] → [R, V]; `softcap` c bends them into (−c, c): c · tanh(logits / c)."""
    scores = x @ head.T
    return scores if softcap is None else softcap * torch.tanh(scores / softcap)
