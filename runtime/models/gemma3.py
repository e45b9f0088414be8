"""Gemma 3 (text): scaled embeddings, four norms a layer, five sliding-window layers to one global. arXiv:2503.19786.

GGUF files hold the norm weights with their 1 already added, so they are plain RMSNorms here.
"""

import math
from dataclasses import replace

from runtime.config import ModelConfig, RopeConfig
from runtime.models.description import describe_decoder
from runtime.models.metadata import ModelMetadata

DEFAULT_PATTERN = 6  # every sixth layer is global; most files do not say so
LOCAL_ROPE_BASE = 10_000.0
NUM_LAYERS_27B = 62  # its queries are scaled by hidden_size / num_heads, which no key states


def describe(metadata: ModelMetadata) -> ModelConfig:
    """Rotates halves; sliding-window layers rotate unscaled with a base of their own."""
    config = describe_decoder(metadata, activation="gelu_tanh", default_rope_base=1_000_000.0)
    softcap = metadata.number("final_logit_softcapping", 0.0)
    query_scale = config.hidden_size / config.num_heads if config.num_layers == NUM_LAYERS_27B else config.head_dim
    return replace(
        config,
        attention_scale=1 / math.sqrt(query_scale),
        embedding_scale=math.sqrt(config.hidden_size),
        has_qk_norm=True,
        has_post_norms=True,
        logit_softcap=softcap or None,
        layer_windows=_layer_windows(metadata, config.num_layers),
        local_rope=RopeConfig(
            base=metadata.number("rope.freq_base_swa", LOCAL_ROPE_BASE),
            dim=metadata.integer("rope.dimension_count", config.head_dim),
            interleaved=False,
        ),
    )


def _layer_windows(metadata: ModelMetadata, num_layers: int) -> tuple[int | None, ...]:
    window = metadata.integer("attention.sliding_window")
    key = "attention.sliding_window_pattern"
    if metadata.is_array(key):
        is_local = metadata.flags(key)
        if len(is_local) != num_layers:
            raise ValueError(f"{key} describes {len(is_local)} layers of {num_layers}.")
    else:
        period = metadata.integer(key, DEFAULT_PATTERN)
        if period == 0:
            raise ValueError(f"{key} must be positive, got 0.")
        is_local = tuple((layer_idx + 1) % period != 0 for layer_idx in range(num_layers))
    return tuple(window if local else None for local in is_local)
