"""Qwen2 and Qwen2.5: Llama with biases on q, k and v. Yang et al., arXiv:2407.10671."""

from dataclasses import replace

from runtime.config import ModelConfig
from runtime.models.description import describe_decoder, refuse_window
from runtime.models.metadata import ModelMetadata


def describe(metadata: ModelMetadata) -> ModelConfig:
    """Rotates halves, as its checkpoints do."""
    refuse_window(metadata)
    return replace(describe_decoder(metadata, default_rope_base=1_000_000.0), has_qkv_bias=True)
