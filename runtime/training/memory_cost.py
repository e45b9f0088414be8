"""Memory that a training step takes, from the sizes of model, adapter and batch.

The formulas count what the passes of this package keep and make; tests hold them to what is kept and to measured
peaks. Nothing here needs torch.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from runtime.training.shapes import AdapterShape, BatchShape, ModelShape

Part = Literal["base", "weights", "adapter", "activations", "workspace", "prefix", "slack"]

BASE_BYTES = 270 << 20  # an interpreter with torch and what its products set up; measured, x86-64 Linux
STATE_BYTES = 28  # a parameter in float32: itself, its gradient, two moments; itself and moments at the last good step
SLACK = 0.35  # of the activations: what the allocator holds between blocks of many sizes; measured
PREFIX_BYTES = 2 << 30  # of hidden states kept below the adapter; what does not fit is computed again
LOSS_ROWS = 256  # whose logits are in memory at once
_FLOAT32 = 4
_DEQUANTIZED_ROWS = 8192
_WHOLE_SCORES_LEN = 1024


@dataclass(frozen=True, kw_only=True)
class MemoryOptions:
    """How weights and activations are held."""

    dtype_bytes: Literal[2, 4] = 2  # of the frozen weights and of the activations
    keep_quantized: bool = False
    checkpoint_activations: bool = False


def memory_parts(
    model: ModelShape, adapter: AdapterShape, batch: BatchShape, num_tokens: int, options: MemoryOptions
) -> dict[Part, int]:
    """Bytes by what they are for; their sum is the peak of a step.

    Args:
        batch: the largest of the run.
        num_tokens: of an epoch.
    """
    batch = batch.with_tokens_in_front(adapter.soft_tokens)
    activations = _activations(model, adapter, batch, options)
    prefix = num_tokens * model.config.hidden_size * options.dtype_bytes if adapter.first_layer else 0
    return {
        "base": BASE_BYTES,
        "weights": _weights(model, options),
        "adapter": adapter.num_parameters * STATE_BYTES,
        "activations": activations,
        "workspace": _workspace(model, batch, options),
        "prefix": min(prefix, PREFIX_BYTES),
        "slack": round(activations * SLACK),
    }


def full_tuning_bytes(model: ModelShape) -> int:
    """Of all weights trained in float32 by AdamW, without activations: value, gradient and two moments."""
    return model.num_parameters * 4 * _FLOAT32


def kept_bytes(
    model: ModelShape, adapter: AdapterShape, batch: BatchShape, options: MemoryOptions, layer_idx: int
) -> int:
    """What an adapted layer keeps for its gradient: what each part reads, from the first that learns on."""
    config, ranks, tokens = model.config, adapter.ranks, batch.num_tokens
    hidden, inner = config.hidden_size, config.intermediate_size
    queries, keys = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
    is_reached = layer_idx > adapter.first_layer or adapter.soft_tokens > 0  # nothing below the first one learns
    elements, numbers = 0, 0  # a token; numbers are float32

    def norm(is_there: bool = True) -> None:
        nonlocal elements, numbers
        if is_there and is_reached:
            elements, numbers = elements + hidden, numbers + 1

    def product(columns: int, *modules: str) -> None:
        nonlocal elements, is_reached
        if rank := sum(ranks.get(module, 0) for module in modules):
            elements, is_reached = elements + columns + rank, True

    def normed_product(*modules: str) -> None:  # keeps what is normed, not the norm
        nonlocal is_reached
        is_reached = is_reached or any(ranks.get(module, 0) for module in modules)
        norm()
        product(0, *modules)

    def added(kept: int) -> None:
        nonlocal elements, is_reached
        elements, is_reached = elements + kept, is_reached or kept > 0

    normed_product("attn_q", "attn_k", "attn_v")
    added(adapter.kept_by_qkv)
    if is_reached and config.has_qk_norm:
        elements, numbers = elements + queries + keys, numbers + config.num_heads + config.num_kv_heads
    is_reached = is_reached or adapter.prefix_tokens > 0
    if is_reached:
        elements += queries + 2 * keys
    product(queries, "attn_output")
    norm(config.has_post_norms)
    added(adapter.kept_after_attention)
    normed_product("ffn_gate", "ffn_up")
    product(0, "ffn_down")
    elements += 2 * inner if is_reached else 0
    norm(config.has_post_norms)
    added(adapter.kept_after_feed_forward)
    in_front = len(batch.lengths) * adapter.prefix_tokens * (queries + 2 * keys)
    return (tokens * elements + in_front) * options.dtype_bytes + tokens * numbers * _FLOAT32


def _weights(model: ModelShape, options: MemoryOptions) -> int:
    """The embeddings and the head are always kept as values."""
    size = options.dtype_bytes
    layers = model.config.num_layers * model.layer_parameters * size
    outside = model.num_parameters - model.config.num_layers * model.layer_parameters
    return (model.stored_layer_bytes if options.keep_quantized else layers) + outside * size


def _activations(model: ModelShape, adapter: AdapterShape, batch: BatchShape, options: MemoryOptions) -> int:
    config, size = model.config, options.dtype_bytes
    layers = [kept_bytes(model, adapter, batch, options, at) for at in range(adapter.first_layer, config.num_layers)]
    entering = batch.num_tokens * config.hidden_size * size
    kept = len(layers) * entering + max(layers) if options.checkpoint_activations else sum(layers)
    supervised = batch.num_supervised * (2 * config.hidden_size * size + _FLOAT32)  # before the norm; the gradient
    return kept + supervised


def _workspace(model: ModelShape, batch: BatchShape, options: MemoryOptions) -> int:
    """The largest of what is made for a moment."""
    config, size, tokens = model.config, options.dtype_bytes, batch.num_tokens
    logits = min(batch.num_supervised, LOSS_ROWS) * config.vocab_size * size
    if size < _FLOAT32:
        logits += model.head_parameters * size  # the product puts the matrix in another order first
    scores = max(
        (count * length * length * config.num_heads * 4 * size for length, count in _runs(batch.lengths)),
        default=0,
    )
    feed_forward = tokens * config.intermediate_size * 6 * size
    largest = max(logits, scores, feed_forward)
    if options.keep_quantized:
        rows, columns = 2 * config.intermediate_size, config.hidden_size
        largest += rows * columns * size + min(rows, _DEQUANTIZED_ROWS) * columns * _FLOAT32
    return largest


def _runs(lengths: Sequence[int]) -> list[tuple[int, int]]:
    """(length, neighbours of it): their scores are made together, those of long sequences never whole."""
    groups = ((length, sum(1 for _ in same)) for length, same in itertools.groupby(lengths))
    return [(length, count) for length, count in groups if length <= _WHOLE_SCORES_LEN]
