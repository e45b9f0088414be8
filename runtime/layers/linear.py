"""A linear map as a model holds it: its matrix, its bias and the name adapters know it by."""

from dataclasses import dataclass

from runtime.kernels.ops import Backend, Buffer, MatmulActivation, Weight
from runtime.layers.lora import LoadedLora, lora_addend, lora_row_scale


@dataclass(frozen=True)
class Linear:
    """y = x @ weightᵀ + bias."""

    name: str  # as in GGUF without ".weight": "blk.3.attn_q"
    weight: Weight  # (N, K)
    bias: Buffer | None = None  # [N]


def apply_linear(
    backend: Backend,
    linear: Linear,
    x: Buffer,
    lora: LoadedLora | None = None,
    *,
    residual: Buffer | None = None,
    activation: MatmulActivation | None = None,
) -> Buffer:
    """activation((x @ Wᵀ + LoRA) · DoRA + bias) + residual: x [T, K] → [T, N]."""
    return backend.quant_matmul(
        x,
        linear.weight,
        bias=linear.bias,
        addend=lora_addend(backend, x, lora, linear.name),
        row_scale=lora_row_scale(lora, linear.name),
        residual=residual,
        activation=activation,
    )
