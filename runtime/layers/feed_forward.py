"""The feed-forward half of a layer: gated (decoders, arXiv:2002.05202) or plain (BERT)."""

from dataclasses import dataclass

from runtime.config import Activation
from runtime.kernels.ops import Backend, Buffer
from runtime.layers.linear import Linear, apply_linear
from runtime.layers.lora import LoadedLora, lora_addend, lora_row_scale


@dataclass(frozen=True, kw_only=True)
class FeedForwardWeights:
    """Of one layer. `gate` None: down(activation(up(x))); else down(activation(gate(x)) · up(x))."""

    up: Linear  # (F, E)
    down: Linear  # (E, F)
    gate: Linear | None = None  # (F, E)


def feed_forward(
    backend: Backend,
    weights: FeedForwardWeights,
    x: Buffer,
    activation: Activation,
    *,
    lora: LoadedLora | None = None,
    residual: Buffer | None = None,
) -> Buffer:
    """x [T, E] → [T, E], `residual` added where given."""
    if weights.gate is None:
        hidden = apply_linear(backend, weights.up, x, lora, activation=activation)
    else:
        hidden = backend.gated_matmul(
            x,
            weights.gate.weight,
            weights.up.weight,
            activation,
            gate_addend=lora_addend(backend, x, lora, weights.gate.name),
            up_addend=lora_addend(backend, x, lora, weights.up.name),
            gate_row_scale=lora_row_scale(lora, weights.gate.name),
            up_row_scale=lora_row_scale(lora, weights.up.name),
        )
    return apply_linear(backend, weights.down, hidden, lora, residual=residual)
