"""Attention of one layer: projections, optional query and key norms, RoPE, and the two ways to attend.

Grouped-query attention is arXiv:2305.13245: H query heads share K kv heads. Whether a layer sees everything or a
sliding window is in the config, not here.
"""

from dataclasses import dataclass

import numpy as np

from runtime.config import ModelConfig
from runtime.kernels.ops import Backend, Buffer, KVPool, PageTable
from runtime.layers.linear import Linear, apply_linear
from runtime.layers.lora import LoadedLora
from runtime.layers.norm import Norm, apply_norm


@dataclass(frozen=True, kw_only=True)
class AttentionWeights:
    """Of one layer."""

    q: Linear  # (H·D, E)
    k: Linear  # (K·D, E)
    v: Linear  # (K·D, E)
    output: Linear  # (E, H·D)
    q_norm: Norm | None = None  # over each head's D
    k_norm: Norm | None = None


def cached_attention(
    backend: Backend,
    config: ModelConfig,
    weights: AttentionWeights,
    x: Buffer,
    layer_idx: int,
    pages: PageTable,
    pool: KVPool,
    *,
    positions: np.ndarray,
    freq_factors: np.ndarray | None = None,
    lora: LoadedLora | None = None,
    residual: Buffer | None = None,
) -> Buffer:
    """Causal attention of the step's tokens x [T, E] over their sequences' pages, where their k and v are stored first.

    Returns:
        [T, E], `residual` added where given.
    """
    num_tokens = len(positions)
    q, k, v = _project(backend, config, weights, x, num_tokens, lora)
    rope = config.rope_for(layer_idx)
    if rope is not None:
        q = backend.rope(q, positions, rope, freq_factors)
        k = backend.rope(k, positions, rope, freq_factors)
    backend.write_kv(pool, layer_idx, pages, k, v)
    mixed = backend.paged_attention(q, pool, layer_idx, pages, config.attention_scale, window=config.window(layer_idx))
    joined = backend.reshape(mixed, (num_tokens, config.num_heads * config.head_dim))
    return apply_linear(backend, weights.output, joined, lora, residual=residual)


def packed_self_attention(
    backend: Backend,
    config: ModelConfig,
    weights: AttentionWeights,
    x: Buffer,
    cu_seqlens: np.ndarray,
    *,
    residual: Buffer | None = None,
) -> Buffer:
    """Every token of x [T, E] attends to all of its own sequence: the encoder's attention. Returns [T, E]."""
    num_tokens = int(cu_seqlens[-1])
    q, k, v = _project(backend, config, weights, x, num_tokens)
    mixed = backend.packed_attention(q, k, v, cu_seqlens, config.attention_scale, causal=False)
    joined = backend.reshape(mixed, (num_tokens, config.num_heads * config.head_dim))
    return apply_linear(backend, weights.output, joined, residual=residual)


def _project(
    backend: Backend,
    config: ModelConfig,
    weights: AttentionWeights,
    x: Buffer,
    num_tokens: int,
    lora: LoadedLora | None = None,
) -> tuple[Buffer, Buffer, Buffer]:
    """q [T, H, D], k [T, K, D], v [T, K, D], normed where the model does."""
    query_shape = (num_tokens, config.num_heads, config.head_dim)
    kv_shape = (num_tokens, config.num_kv_heads, config.head_dim)
    q = backend.reshape(apply_linear(backend, weights.q, x, lora), query_shape)
    k = backend.reshape(apply_linear(backend, weights.k, x, lora), kv_shape)
    v = backend.reshape(apply_linear(backend, weights.v, x, lora), kv_shape)
    if weights.q_norm is not None:
        q = apply_norm(backend, weights.q_norm, q, config.norm_eps)
    if weights.k_norm is not None:
        k = apply_norm(backend, weights.k_norm, k, config.norm_eps)
    return q, k, v
