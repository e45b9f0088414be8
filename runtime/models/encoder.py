"""The encoder: one stack for bidirectional models with learned positions and norms after each half (BERT).

Devlin et al., arXiv:1810.04805. Pooling and normalising its output are the work of `embedding`.
"""

from dataclasses import dataclass

import numpy as np

from runtime.config import ModelConfig
from runtime.errors import SequenceTooLongError
from runtime.kernels.ops import Backend, Buffer, Weight
from runtime.layers.attention import AttentionWeights, packed_self_attention
from runtime.layers.feed_forward import FeedForwardWeights, feed_forward
from runtime.layers.norm import Norm, apply_norm


@dataclass(frozen=True, kw_only=True)
class EncoderLayerWeights:
    """One layer: each norm acts on the sum with the residual."""

    attention: AttentionWeights
    attention_norm: Norm
    feed_forward: FeedForwardWeights
    feed_forward_norm: Norm


@dataclass(frozen=True, kw_only=True)
class EncoderWeights:
    """All weights, in the memory of one backend."""

    embedding: Weight  # (V, E)
    positions: Weight  # (max_seq_len, E)
    token_types: Weight | None  # (types, E); only type 0, a lone text, is ever used
    embedding_norm: Norm
    layers: tuple[EncoderLayerWeights, ...]


class Encoder:
    """Token ids in, one vector a token out."""

    def __init__(self, config: ModelConfig, weights: EncoderWeights, backend: Backend) -> None:
        self.config = config
        self.weights = weights
        self.backend = backend

    def forward(self, input_ids: np.ndarray, cu_seqlens: np.ndarray) -> np.ndarray:
        """Final hidden states of packed sequences; no padding, and no sequence sees another.

        Args:
            input_ids: [T] int32, start and end tokens included.
            cu_seqlens: [B + 1] int32, where each sequence starts, from 0 to T, none empty.

        Returns:
            [T, E] float32.

        Raises:
            ValueError: starts that do not divide the ids.
            SequenceTooLongError: a sequence with more tokens than the model has positions.
        """
        self._check_batch(input_ids, cu_seqlens)
        backend, config = self.backend, self.config
        x = self._embed(input_ids, cu_seqlens)
        for layer in self.weights.layers:
            attended = packed_self_attention(backend, config, layer.attention, x, cu_seqlens, residual=x)
            attended = apply_norm(backend, layer.attention_norm, attended, config.norm_eps)
            fed = feed_forward(backend, layer.feed_forward, attended, config.activation, residual=attended)
            x = apply_norm(backend, layer.feed_forward_norm, fed, config.norm_eps)
        return backend.to_numpy(x)

    def _embed(self, input_ids: np.ndarray, cu_seqlens: np.ndarray) -> Buffer:
        backend, weights = self.backend, self.weights
        x = backend.embed(input_ids, weights.embedding)
        if weights.token_types is not None:
            x = backend.add(x, backend.embed(np.zeros_like(input_ids), weights.token_types))
        positions = np.concatenate([np.arange(length, dtype=np.int32) for length in np.diff(cu_seqlens)])
        x = backend.add(x, backend.embed(positions, weights.positions))
        return apply_norm(backend, weights.embedding_norm, x, self.config.norm_eps)

    def _check_batch(self, input_ids: np.ndarray, cu_seqlens: np.ndarray) -> None:
        lengths = np.diff(cu_seqlens)
        if len(lengths) == 0 or cu_seqlens[0] != 0 or cu_seqlens[-1] != len(input_ids) or lengths.min() < 1:
            raise ValueError(
                f"cu_seqlens must rise from 0 to {len(input_ids)}, the number of token ids, got {cu_seqlens.tolist()}."
            )
        longest = int(lengths.max())
        if longest > self.config.max_seq_len:
            raise SequenceTooLongError(
                f"A text of {longest} tokens does not fit in the embedder's {self.config.max_seq_len} positions. "
                "Split it into shorter pieces.",
                longest,
                self.config.max_seq_len,
            )
