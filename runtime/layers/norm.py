"""The two normalisations of transformers behind one name: with a bias it is LayerNorm, without one RMSNorm."""

from dataclasses import dataclass

from runtime.kernels.ops import Backend, Buffer


@dataclass(frozen=True)
class Norm:
    """Weights of one normalisation along the last axis."""

    weight: Buffer  # [E], or [D] for a norm of query and key heads
    bias: Buffer | None = None


def apply_norm(backend: Backend, norm: Norm, x: Buffer, eps: float) -> Buffer:
    """x [..., E] normalised along its last axis."""
    if norm.bias is None:
        return backend.rms_norm(x, norm.weight, eps)
    return backend.layer_norm(x, norm.weight, norm.bias, eps)
