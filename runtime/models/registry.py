"""Which architectures there are, and the way from a file's metadata to a `ModelConfig`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from runtime.config import ModelConfig
from runtime.errors import CorruptFileError, UnsupportedModelError
from runtime.models import bert, gemma3, llama, mistral, qwen2, qwen3
from runtime.models.metadata import ModelMetadata

DESCRIPTIONS: Mapping[str, Callable[[ModelMetadata], ModelConfig]] = {
    "bert": bert.describe,
    "gemma3": gemma3.describe,
    "llama": llama.describe,
    "qwen2": qwen2.describe,
    "qwen3": qwen3.describe,
}


def build_config(values: Mapping[str, Any], path: Path) -> ModelConfig:
    """What the model in a file is.

    Args:
        values: all metadata of the GGUF file at `path`.

    Raises:
        CorruptFileError: keys missing, ill-typed or contradicting each other.
        UnsupportedModelError: an architecture, or a variant of one, that we do not have.
    """
    metadata = ModelMetadata(values, path)
    describe = mistral.describe if mistral.is_mistral(metadata) else DESCRIPTIONS.get(metadata.architecture)
    if describe is None:
        raise UnsupportedModelError(
            f"{path} holds a {metadata.architecture!r} model; this build runs {', '.join(DESCRIPTIONS)} "
            "(mistral files count as llama). See `appkit models list` for models that work.",
            path,
        )
    try:
        return describe(metadata)
    except ValueError as error:
        raise CorruptFileError(f"{path} contradicts itself: {error} Pull it again.", path) from error
