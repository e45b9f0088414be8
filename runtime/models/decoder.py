"""The decoder: one stack for every causal architecture. What differs is in `ModelConfig` and in which weights exist."""

from collections.abc import Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from runtime.config import ModelConfig
from runtime.errors import SequenceTooLongError
from runtime.kernels.ops import Backend, Buffer, KVDtype, KVPool, KVShape, PageTable, Weight
from runtime.layers.adapter import AdapterWeights, LoadedAdapter, check_adapter_fits, load_adapter
from runtime.layers.attention import AttentionWeights, cached_attention
from runtime.layers.bottleneck import LoadedBottleneck, apply_bottleneck
from runtime.layers.feed_forward import FeedForwardWeights, feed_forward
from runtime.layers.linear import Linear
from runtime.layers.norm import Norm, apply_norm
from runtime.layers.virtual_tokens import PrefixWeights, embed_with_soft_prompt, write_prefix


@dataclass(frozen=True, kw_only=True)
class DecoderLayerWeights:
    """One layer. The post norms act on what attention and feed-forward add, before it is added (Gemma)."""

    attention_norm: Norm
    attention: AttentionWeights
    feed_forward_norm: Norm
    feed_forward: FeedForwardWeights
    post_attention_norm: Norm | None = None
    post_feed_forward_norm: Norm | None = None

    def linears(self) -> Iterator[Linear]:
        """Every matrix an adapter may change."""
        yield from (self.attention.q, self.attention.k, self.attention.v, self.attention.output)
        if self.feed_forward.gate is not None:
            yield self.feed_forward.gate
        yield from (self.feed_forward.up, self.feed_forward.down)


@dataclass(frozen=True, kw_only=True)
class DecoderWeights:
    """All weights, in the memory of one backend."""

    embedding: Weight  # (V, E)
    layers: tuple[DecoderLayerWeights, ...]
    output_norm: Norm
    head: Weight  # (V, E); the embedding itself where the two are tied
    rope_freq_factors: np.ndarray | None = None  # [rope.dim / 2] float32, divides the frequencies (Llama 3)


@dataclass(frozen=True)
class _After:
    """What acts on the output of a sublayer before it is added to the residual stream.

    Where nothing does, the sublayer's last matrix product adds the residual itself.
    """

    norm: Norm | None
    bottleneck: LoadedBottleneck | None

    @property
    def is_nothing(self) -> bool:
        return self.norm is None and self.bottleneck is None

    def apply(self, backend: Backend, y: Buffer, eps: float) -> Buffer:
        if self.norm is not None:
            y = apply_norm(backend, self.norm, y, eps)
        return y if self.bottleneck is None else apply_bottleneck(backend, self.bottleneck, y)


class Decoder:
    """Token ids in, logits out; keys and values live in the pool the caller brings.

    `linears` are the matrices that an adapter may change, by module name.
    """

    def __init__(self, config: ModelConfig, weights: DecoderWeights, backend: Backend) -> None:
        self.config = config
        self.weights = weights
        self.backend = backend
        self.linears = {linear.name: linear.weight for layer in weights.layers for linear in layer.linears()}
        # An adapter is handed to the backend at its first use and stays there as long as its caller holds it.
        self._loaded_adapters: WeakKeyDictionary[AdapterWeights, LoadedAdapter] = WeakKeyDictionary()

    def kv_shape(self, num_pages: int, dtype: KVDtype = "f16") -> KVShape:
        """What a pool of `num_pages` pages for this model must hold."""
        return KVShape(
            num_layers=self.config.num_layers,
            num_pages=num_pages,
            num_kv_heads=self.config.num_kv_heads,
            head_dim=self.config.head_dim,
            dtype=dtype,
        )

    def forward(
        self,
        input_ids: np.ndarray,
        pages: PageTable,
        pool: KVPool,
        logit_rows: np.ndarray,
        adapter: AdapterWeights | None = None,
    ) -> np.ndarray:
        """Run the step's new tokens through the model, storing their keys and values.

        Args:
            input_ids: [T] int32, the new tokens of all sequences, as `pages.query_starts` divides them; with a soft
                prompt of P virtual tokens also −1 … −P.
            pages: where each sequence lives; pages for the new tokens are already allocated.
            pool: changed: the new tokens' keys and values are written.
            logit_rows: [R] int32, rows of `input_ids` whose next-token logits are wanted; R may be 0.
            adapter: for every row of the step; None for the model alone.

        Returns:
            [R, V] float32.

        Raises:
            ValueError: ids, rows or page table that do not fit together.
            SequenceTooLongError: a sequence past the model's context.
            AdapterError: an adapter of another model.
        """
        self._check_step(input_ids, pages, logit_rows)
        backend, config, weights = self.backend, self.config, self.weights
        loaded = self._loaded(adapter)
        positions = pages.positions()
        x = self._embed(input_ids, loaded)
        for layer_idx, layer in enumerate(weights.layers):
            x = self._layer(layer, x, layer_idx, pages, pool, positions, loaded)
        x = apply_norm(backend, weights.output_norm, backend.take_rows(x, logit_rows), config.norm_eps)
        return backend.logits(x, weights.head, config.logit_softcap)

    def write_prefix(self, prefix: PrefixWeights, pages: PageTable, pool: KVPool) -> None:
        """Store a prefix's keys and values as those of virtual tokens, which need no forward.

        Args:
            pages: its new tokens are virtual ones, at the first positions of their sequences.
            pool: changed.

        Raises:
            AdapterError: a prefix of another model.
        """
        write_prefix(self.backend, self._loaded(prefix).prefix, pages, pool)

    def check_adapter(self, adapter: AdapterWeights) -> None:
        """Raises AdapterError for the adapter of another model."""
        check_adapter_fits(adapter, self.config, self.linears)

    def _layer(
        self,
        layer: DecoderLayerWeights,
        x: Buffer,
        layer_idx: int,
        pages: PageTable,
        pool: KVPool,
        positions: np.ndarray,
        adapter: LoadedAdapter,
    ) -> Buffer:
        backend, config = self.backend, self.config
        after_attention = _After(layer.post_attention_norm, adapter.bottlenecks.get((layer_idx, "attention")))
        after_feed_forward = _After(layer.post_feed_forward_norm, adapter.bottlenecks.get((layer_idx, "feed_forward")))
        attended = cached_attention(
            backend,
            config,
            layer.attention,
            apply_norm(backend, layer.attention_norm, x, config.norm_eps),
            layer_idx,
            pages,
            pool,
            positions=positions,
            freq_factors=self.weights.rope_freq_factors,
            lora=adapter.lora,
            residual=x if after_attention.is_nothing else None,
        )
        if not after_attention.is_nothing:
            attended = backend.add(x, after_attention.apply(backend, attended, config.norm_eps))
        fed = feed_forward(
            backend,
            layer.feed_forward,
            apply_norm(backend, layer.feed_forward_norm, attended, config.norm_eps),
            config.activation,
            lora=adapter.lora,
            residual=attended if after_feed_forward.is_nothing else None,
        )
        if not after_feed_forward.is_nothing:
            fed = backend.add(attended, after_feed_forward.apply(backend, fed, config.norm_eps))
        return fed

    def _embed(self, input_ids: np.ndarray, adapter: LoadedAdapter) -> Buffer:
        table, scale = self.weights.embedding, self.config.embedding_scale
        if adapter.soft_prompt is None:
            return self.backend.embed(input_ids, table, scale)
        return embed_with_soft_prompt(self.backend, adapter.soft_prompt, input_ids, table, scale)

    def _loaded(self, adapter: AdapterWeights | None) -> LoadedAdapter:
        if adapter is None:
            return LoadedAdapter()
        loaded = self._loaded_adapters.get(adapter)
        if loaded is None:
            loaded = load_adapter(self.backend, adapter, self.config, self.linears)
            self._loaded_adapters[adapter] = loaded
        return loaded

    def _check_step(self, input_ids: np.ndarray, pages: PageTable, logit_rows: np.ndarray) -> None:
        num_tokens = len(input_ids)
        if num_tokens == 0 or num_tokens != pages.query_starts[-1]:
            raise ValueError(
                f"A step of {num_tokens} token ids does not match its page table, which places "
                f"{int(pages.query_starts[-1])}; there must be at least one."
            )
        if len(logit_rows) and not 0 <= logit_rows.min() <= logit_rows.max() < num_tokens:
            raise ValueError(f"logit_rows must name rows 0 to {num_tokens - 1} of the step, got {logit_rows}.")
        longest = int(pages.kv_lens.max())
        if longest > self.config.max_seq_len:
            raise SequenceTooLongError(
                f"A sequence of {longest} tokens does not fit in the model's context of {self.config.max_seq_len}. "
                "Shorten the prompt or ask for fewer tokens.",
                longest,
                self.config.max_seq_len,
            )
