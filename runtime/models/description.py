"""What all decoder architectures have in common when their GGUF metadata is read. Each one's own file says the rest."""

import math

from runtime.config import Activation, ModelConfig, RopeConfig
from runtime.models.metadata import ModelMetadata

MAX_LAYERS = 4096  # far above any model; keeps a damaged count from filling memory


def describe_decoder(
    metadata: ModelMetadata,
    *,
    activation: Activation = "silu",
    interleaved_rope: bool = False,
    default_rope_base: float = 10_000.0,
) -> ModelConfig:
    """The plain pre-norm decoder with grouped-query attention, RoPE and a gated feed-forward.

    Raises:
        CorruptFileError: keys that are missing or ill-typed.
        UnsupportedModelError: experts, heads of unequal size, RoPE scaling other than linear.
        ValueError: sizes that contradict each other.
    """
    if metadata.integer("expert_count", 0) > 0:
        raise metadata.unsupported("expert_count", "mixtures of experts are not supported; use a dense model.")
    if not metadata.flag("attention.causal", True):
        raise metadata.unsupported("attention.causal", "decoders that look ahead are not supported.")
    num_heads, head_dim = _heads(metadata)
    return ModelConfig(
        architecture=metadata.architecture,
        kind="decoder",
        vocab_size=vocab_size(metadata),
        hidden_size=metadata.integer("embedding_length"),
        intermediate_size=metadata.integer("feed_forward_length"),
        num_layers=num_layers(metadata),
        num_heads=num_heads,
        num_kv_heads=metadata.integer("attention.head_count_kv", num_heads),
        head_dim=head_dim,
        max_seq_len=metadata.integer("context_length"),
        norm_eps=metadata.number("attention.layer_norm_rms_epsilon"),
        activation=activation,
        attention_scale=1 / math.sqrt(head_dim),
        rope=RopeConfig(
            base=metadata.number("rope.freq_base", default_rope_base),
            dim=metadata.integer("rope.dimension_count", head_dim),
            interleaved=interleaved_rope,
            position_scale=_position_scale(metadata),
        ),
    )


def vocab_size(metadata: ModelMetadata) -> int:
    """Rows of the embedding table: one a token of the file's vocabulary."""
    tokens = metadata.values.get("tokenizer.ggml.tokens")
    return len(tokens) if tokens is not None else metadata.integer("vocab_size")


def num_layers(metadata: ModelMetadata) -> int:
    """The layer count, bounded. Raises UnsupportedModelError above `MAX_LAYERS`."""
    count = metadata.integer("block_count")
    if count > MAX_LAYERS:
        raise metadata.unsupported("block_count", f"at most {MAX_LAYERS} layers are supported; the file is damaged.")
    return count


def refuse_window(metadata: ModelMetadata) -> None:
    """Raise UnsupportedModelError for a window shorter than the context, in models whose window we do not run."""
    key = "attention.sliding_window"
    if 0 < metadata.integer(key, 0) < metadata.integer("context_length"):
        raise metadata.unsupported(key, f"{metadata.architecture} runs without a window in this build.")


def _heads(metadata: ModelMetadata) -> tuple[int, int]:
    """(num_heads, head_dim). Without a stated key length the hidden size is divided evenly."""
    num_heads = metadata.integer("attention.head_count")
    hidden_size = metadata.integer("embedding_length")
    if num_heads == 0:
        raise ValueError("num_heads must be positive, got 0.")
    if not metadata.has("attention.key_length"):
        if hidden_size % num_heads:
            raise ValueError(f"hidden_size {hidden_size} does not divide into {num_heads} heads.")
        return num_heads, hidden_size // num_heads
    head_dim = metadata.integer("attention.key_length")
    if head_dim == 0:
        raise ValueError("head_dim must be positive, got 0.")
    if metadata.integer("attention.value_length", head_dim) != head_dim:
        raise metadata.unsupported(
            "attention.value_length", f"values must be as long as keys, {head_dim}, in this build."
        )
    return num_heads, head_dim


def _position_scale(metadata: ModelMetadata) -> float:
    """Linear RoPE scaling (arXiv:2306.15595): the factor positions are divided by, 1 for none."""
    factor = metadata.number("rope.scaling.factor", metadata.number("rope.scale_linear", 1.0))
    kind = metadata.text("rope.scaling.type", "linear")
    if kind == "none" or factor == 0:  # files write 0 for "unset"
        return 1.0
    if kind != "linear":
        raise metadata.unsupported(
            "rope.scaling.type", "this build knows 'none' and 'linear'. Use the model's unscaled release."
        )
    return factor
