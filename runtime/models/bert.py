"""BERT as an embedder: MiniLM, E5, BGE and their kin. Devlin et al., arXiv:1810.04805."""

import math
from typing import Literal

from runtime.config import ModelConfig
from runtime.models.description import num_layers, vocab_size
from runtime.models.metadata import ModelMetadata

POOLING: dict[int, Literal["mean", "cls"] | None] = {0: None, 1: "mean", 2: "cls"}  # GGUF's pooling_type


def describe(metadata: ModelMetadata) -> ModelConfig:
    """Learned positions, so no rotation; GELU by the error function, as it was trained."""
    num_heads, hidden_size = metadata.integer("attention.head_count"), metadata.integer("embedding_length")
    if num_heads == 0 or hidden_size % num_heads:
        raise ValueError(f"hidden_size {hidden_size} does not divide into {num_heads} heads.")
    pooling_type = metadata.integer("pooling_type", 0)
    if pooling_type not in POOLING:
        raise metadata.unsupported("pooling_type", "embedders pool by mean (1) or first token (2); this one ranks.")
    return ModelConfig(
        architecture=metadata.architecture,
        kind="encoder",
        vocab_size=vocab_size(metadata),
        hidden_size=hidden_size,
        intermediate_size=metadata.integer("feed_forward_length"),
        num_layers=num_layers(metadata),
        num_heads=num_heads,
        num_kv_heads=num_heads,
        head_dim=hidden_size // num_heads,
        max_seq_len=metadata.integer("context_length"),
        norm_eps=metadata.number("attention.layer_norm_epsilon"),
        activation="gelu",
        attention_scale=1 / math.sqrt(hidden_size // num_heads),
        rope=None,
        has_qkv_bias=True,
        pooling=POOLING[pooling_type],
    )
