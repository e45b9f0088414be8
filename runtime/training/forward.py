"""The decoder run for training: whole sequences, no cache, gradients for the adapter.

The maths is that of `models/decoder`, which the tests hold it to; what differs is the layout (fused matrices, packed
sequences) and that every part knows its gradient.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.checkpoint import checkpoint

from runtime.config import RopeConfig
from runtime.training.attention import AttentionShape, keys_and_values_of, self_attention
from runtime.training.data.packing import Packed
from runtime.training.gate import gated_linear
from runtime.training.kernels import Angles
from runtime.training.linear import Dropout, LoraTerm, frozen_linear, normed_linear
from runtime.training.loss import cross_entropy
from runtime.training.norm import rms_norm
from runtime.training.rotation import rotation_angles
from runtime.training.trainable import TrainableAdapter
from runtime.training.virtual_rows import VirtualRows
from runtime.training.weights import FrozenDecoder, FrozenLayer, FrozenLinear


@dataclass(frozen=True, kw_only=True, eq=False)
class ForwardOptions:
    """How a pass runs; none of it changes what is learned, up to rounding."""

    dropout_seed: int | None = None  # None: no dropout (evaluation)
    checkpoint_activations: bool = False  # keep one tensor a layer and run the layer again for its gradient


def join(rows: Sequence[Packed]) -> Packed:
    """Several packed rows as one."""
    if len(rows) == 1:
        return rows[0]
    offsets = np.cumsum([0, *(len(row) for row in rows)])
    starts = [row.cu_seqlens[:-1] + offset for row, offset in zip(rows, offsets, strict=False)]
    return Packed(
        input_ids=np.concatenate([row.input_ids for row in rows]),
        is_supervised=np.concatenate([row.is_supervised for row in rows]),
        cu_seqlens=np.concatenate([*starts, offsets[-1:]]).astype(np.int32),
    )


def summed_loss(
    decoder: FrozenDecoder,
    adapter: TrainableAdapter | None,
    packed: Packed,
    options: ForwardOptions | None = None,
    *,
    prefix: torch.Tensor | None = None,
) -> torch.Tensor:
    """The sum of `token_losses`, a float32 scalar."""
    return token_losses(decoder, adapter, packed, options, prefix=prefix).sum()


def token_losses(
    decoder: FrozenDecoder,
    adapter: TrainableAdapter | None,
    packed: Packed,
    options: ForwardOptions | None = None,
    *,
    prefix: torch.Tensor | None = None,
) -> torch.Tensor:
    """−log p(token | the tokens before it in its sequence) of every supervised token in turn; float32, differentiable.

    Args:
        prefix: [T, E] what `frozen_prefix` gave for `packed`, if it was kept.
    """
    hidden = last_hidden_states(decoder, adapter, packed, options, prefix=prefix)
    targets = np.flatnonzero(packed.is_supervised)
    hidden = _TakeRows.apply(hidden, torch.from_numpy(targets - 1))  # type: ignore[no-untyped-call]
    hidden = rms_norm(hidden, decoder.output_norm, _eps(decoder))
    target_ids = torch.from_numpy(packed.input_ids[targets].astype(np.int64))
    return cross_entropy(hidden, decoder.head, target_ids, decoder.config.logit_softcap)


def frozen_prefix(decoder: FrozenDecoder, adapter: TrainableAdapter, packed: Packed) -> torch.Tensor:
    """[T, E] hidden states that enter the first adapted layer. The same whatever the adapter has learned."""
    with torch.no_grad():
        return _Pass(decoder, None, packed, ForwardOptions()).run(0, adapter.first_layer, None)


def last_hidden_states(
    decoder: FrozenDecoder,
    adapter: TrainableAdapter | None,
    packed: Packed,
    options: ForwardOptions | None = None,
    *,
    prefix: torch.Tensor | None = None,
) -> torch.Tensor:
    """[T, E]: what the last layer hands on, before the final norm."""
    steps = _Pass(decoder, adapter, packed, options or ForwardOptions())
    first_layer = adapter.first_layer if adapter is not None and prefix is not None else 0
    return steps.run(first_layer, decoder.config.num_layers, prefix)


def keys_and_values(decoder: FrozenDecoder, input_ids: np.ndarray) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """k and v [T, K, D] of every layer for one sequence, as attention sees them."""
    whole = Packed(
        input_ids=input_ids,
        is_supervised=np.zeros(len(input_ids), bool),
        cu_seqlens=np.array([0, len(input_ids)], np.int32),
    )
    steps = _Pass(decoder, None, whole, ForwardOptions())
    steps.keys_and_values = []
    with torch.no_grad():
        steps.run(0, decoder.config.num_layers, None)
    return steps.keys_and_values


class _Pass:
    """One pass over one packed row: what all layers share."""

    def __init__(
        self, decoder: FrozenDecoder, adapter: TrainableAdapter | None, packed: Packed, options: ForwardOptions
    ) -> None:
        self._decoder = decoder
        self._config = decoder.config
        self._adapter = adapter
        self._options = options
        self._packed = packed
        num_virtual = 0 if adapter is None else adapter.num_virtual_tokens
        self._virtual = VirtualRows(packed.cu_seqlens, num_virtual)
        self._soft_prompt = None if adapter is None else adapter.soft_prompt()
        self._cu_seqlens = torch.from_numpy(self._virtual.cu_seqlens)
        self._angles: dict[tuple[RopeConfig, bool], Angles] = {}
        self.keys_and_values: list[tuple[torch.Tensor, torch.Tensor]] | None = None  # collected where it is a list

    def run(self, first_layer: int, last_layer: int, x: torch.Tensor | None) -> torch.Tensor:
        """Layers `first_layer` to before `last_layer`, from the embeddings where `x` is None."""
        if x is None:
            x = self._embed()
        if self._soft_prompt is not None:
            x = self._virtual.put(x, self._soft_prompt)
        for layer_idx in range(first_layer, last_layer):
            if self._options.checkpoint_activations and torch.is_grad_enabled():
                # The first layer's input asks for no gradient, yet its adapter does: the non-reentrant kind copes.
                x = checkpoint(self._layer, x, layer_idx, use_reentrant=False, preserve_rng_state=False)
            else:
                x = self._layer(x, layer_idx)
        return x if self._soft_prompt is None else self._virtual.take_out(x)

    def _embed(self) -> torch.Tensor:
        table = self._decoder.embedding.read()
        x = table[torch.from_numpy(self._packed.input_ids.astype(np.int64))]
        return x * self._config.embedding_scale if self._config.embedding_scale != 1 else x

    def _layer(self, x: torch.Tensor, layer_idx: int) -> torch.Tensor:
        layer, eps = self._decoder.layers[layer_idx], _eps(self._decoder)
        projected, x = self._normed_linear(x, None, layer.attention_norm, layer.qkv, layer_idx, 0)
        attended = self._attend(layer, projected, layer_idx)
        if layer.post_attention_norm is not None:
            attended = rms_norm(attended, layer.post_attention_norm, eps)
        if self._adapter is not None:
            attended = self._adapter.bottleneck(layer_idx, "attention", attended)
        gate_up, x = self._normed_linear(x, attended, layer.feed_forward_norm, layer.gate_up, layer_idx, 2)
        fed = gated_linear(gate_up, self._config.activation, layer.down, *self._terms(layer.down, layer_idx, 3))
        fed = self._rescale(layer.down, fed)
        if layer.post_feed_forward_norm is not None:
            fed = rms_norm(fed, layer.post_feed_forward_norm, eps)
        if self._adapter is not None:
            fed = self._adapter.bottleneck(layer_idx, "feed_forward", fed)
        return x + fed

    def _attend(self, layer: FrozenLayer, projected: torch.Tensor, layer_idx: int) -> torch.Tensor:
        """projected [T, (H + 2K) · D] → [T, E]."""
        config = self._config
        if layer.q_norm is not None or layer.k_norm is not None:
            projected = self._norm_heads(layer, projected)
        prefix = None if self._adapter is None else self._adapter.prefix(layer_idx)
        if prefix is not None:  # its virtual tokens ask nothing: their queries are zero, and what comes of them is left
            k, v = (part.flatten(1) for part in prefix)
            no_queries = k.new_zeros(len(k), config.num_heads * config.head_dim)
            projected = self._virtual.put(projected, torch.cat((no_queries, k, v), dim=1))
        shape = AttentionShape(
            num_heads=config.num_heads,
            num_kv_heads=config.num_kv_heads,
            head_dim=config.head_dim,
            scale=config.attention_scale,
            window=config.window(layer_idx),
            cu_seqlens=self._cu_seqlens,
            angles=self._angles_of(layer_idx, has_prefix=prefix is not None),
        )
        if self.keys_and_values is not None:
            self.keys_and_values.append(keys_and_values_of(projected, shape))
        mixed = self_attention(projected, shape)
        if prefix is not None:
            mixed = self._virtual.take_out(mixed)
        return self._linear(mixed, layer.output, layer_idx, 1)

    def _norm_heads(self, layer: FrozenLayer, projected: torch.Tensor) -> torch.Tensor:
        """Each head of the queries and keys among [T, (H + 2K) · D], normed."""
        config = self._config
        heads = projected.view(len(projected), -1, config.head_dim)
        q, k, v = _SplitHeads.apply(heads, config.num_heads, config.num_kv_heads)  # type: ignore[no-untyped-call]
        if layer.q_norm is not None:
            q = rms_norm(q, layer.q_norm, config.norm_eps)
        if layer.k_norm is not None:
            k = rms_norm(k, layer.k_norm, config.norm_eps)
        return torch.cat((q, k, v), dim=1).flatten(1)

    def _normed_linear(
        self,
        x: torch.Tensor,
        delta: torch.Tensor | None,
        norm: torch.Tensor,
        linear: FrozenLinear,
        layer_idx: int,
        place: int,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        terms, dropout = self._terms(linear, layer_idx, place)
        y, total = normed_linear(x, delta, norm, _eps(self._decoder), linear, terms, dropout)
        return self._rescale(linear, y), total

    def _linear(self, x: torch.Tensor, linear: FrozenLinear, layer_idx: int, place: int) -> torch.Tensor:
        return self._rescale(linear, frozen_linear(x, linear, *self._terms(linear, layer_idx, place)))

    def _rescale(self, linear: FrozenLinear, y: torch.Tensor) -> torch.Tensor:
        return y if self._adapter is None else self._adapter.rescale(linear, y)

    def _terms(self, linear: FrozenLinear, layer_idx: int, place: int) -> tuple[list[LoraTerm], Dropout | None]:
        """What the adapter does to the product at `place` of a layer."""
        if self._adapter is None:
            return [], None
        rate, seed = self._adapter.dropout, self._options.dropout_seed
        dropout = Dropout(rate, seed + 4 * layer_idx + place) if rate and seed is not None else None
        return self._adapter.terms(linear), dropout

    def _angles_of(self, layer_idx: int, *, has_prefix: bool) -> Angles | None:
        """By which the rows turn that attention sees; a prefix is kept as it is after turning."""
        rope = self._config.rope_for(layer_idx)
        if rope is None:
            return None
        if (rope, has_prefix) not in self._angles:
            cos, sin = rotation_angles(self._position_ids(), rope, self._decoder.rope_freq_factors)
            if has_prefix:
                still = torch.zeros(self._virtual.num_tokens, cos.shape[1])
                cos, sin = self._virtual.put(cos, still + 1), self._virtual.put(sin, still)
            self._angles[rope, has_prefix] = cos, sin
        return self._angles[rope, has_prefix]

    def _position_ids(self) -> np.ndarray:
        """Of the rows that run through the layers: those of a soft prompt do, those of a prefix do not."""
        positions = self._virtual.position_ids()
        return (
            positions if self._soft_prompt is not None else self._virtual.take_out(torch.from_numpy(positions)).numpy()
        )


def _eps(decoder: FrozenDecoder) -> float:
    return decoder.config.norm_eps


class _SplitHeads(torch.autograd.Function):
    """[T, H + 2K, D] → q, k, v as views; their gradients are joined in one copy."""

    @staticmethod
    def forward(
        ctx: object, x: torch.Tensor, num_heads: int, num_kv_heads: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        q, k, v = torch.split(x, [num_heads, num_kv_heads, num_kv_heads], dim=1)
        return q, k, v

    @staticmethod
    def backward(ctx: object, dq: torch.Tensor, dk: torch.Tensor, dv: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return torch.cat((dq, dk, dv), dim=1), None, None


class _TakeRows(torch.autograd.Function):
    """The named rows, each named once: the gradient is put, not added, so nothing depends on an order."""

    @staticmethod
    def forward(ctx: object, x: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(rows)  # type: ignore[attr-defined]
        ctx.shape = x.shape  # type: ignore[attr-defined]
        return x[rows]

    @staticmethod
    def backward(ctx: object, dy: torch.Tensor) -> tuple[torch.Tensor, None]:
        (rows,) = ctx.saved_tensors  # type: ignore[attr-defined]
        dx = torch.zeros(ctx.shape, dtype=dy.dtype)  # type: ignore[attr-defined]
        dx[rows] = dy
        return dx, None
