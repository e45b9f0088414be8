"""Qwen3: no biases, a norm over every query and key head, heads of their own size. arXiv:2505.09388."""

from dataclasses import replace

from runtime.config import ModelConfig
from runtime.models.description import describe_decoder, refuse_window
from runtime.models.metadata import ModelMetadata


def describe(metadata: ModelMetadata) -> ModelConfig:
    """Rotates halves, as its checkpoints do."""
    refuse_window(metadata)
    return replace(describe_decoder(metadata, default_rope_base=1_000_000.0), has_qk_norm=True)
