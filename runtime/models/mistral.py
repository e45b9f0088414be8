"""Mistral: Llama with a sliding window in every layer. Jiang et al., arXiv:2310.06825.

Its GGUF files call themselves "llama"; the window is what tells them apart. Later releases have none: plain Llama.
"""

from dataclasses import replace

from runtime.config import ModelConfig
from runtime.models import llama
from runtime.models.metadata import ModelMetadata


def is_mistral(metadata: ModelMetadata) -> bool:
    """Whether a file of architecture "llama" limits what its layers see."""
    return metadata.architecture == "llama" and metadata.integer("attention.sliding_window", 0) > 0


def describe(metadata: ModelMetadata) -> ModelConfig:
    """Llama, each layer with the same window."""
    config = llama.describe(metadata)
    window = metadata.integer("attention.sliding_window")
    return replace(config, layer_windows=(window,) * config.num_layers)
