"""Llama and the many models that share its shape (SmolLM2, TinyLlama…). Touvron et al., arXiv:2302.13971."""

from runtime.config import ModelConfig
from runtime.models.description import describe_decoder
from runtime.models.metadata import ModelMetadata


def describe(metadata: ModelMetadata) -> ModelConfig:
    """GGUF stores q and k with the rows of each head reordered, so that neighbours rotate together."""
    return describe_decoder(metadata, interleaved_rope=True)
