"""Which tensors a model consists of, under their GGUF names, and of which shape.

Derived from the config alone and checked against the file before any of its bytes reach a kernel.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from runtime.config import ModelConfig
from runtime.errors import CorruptFileError, UnsupportedModelError
from runtime.loaders.gguf import TensorInfo

IGNORED = re.compile(r"blk\.\d+\.attn_rot_embd\.weight")  # a cached table of old files, computed here


@dataclass(frozen=True)
class TensorSpec:
    """One tensor a model may have. Shapes are (N outputs, K inputs), or (N,) for vectors; None is any size."""

    name: str
    shape: tuple[int | None, ...]
    is_required: bool = True

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether a stored tensor has this shape."""
        return len(shape) == len(self.shape) and all(
            wanted in (None, found) for wanted, found in zip(self.shape, shape, strict=True)
        )


def tensor_specs(config: ModelConfig) -> Iterator[TensorSpec]:
    """Every tensor of the model, required or not, layer by layer."""
    return _decoder_specs(config) if config.kind == "decoder" else _encoder_specs(config)


def check_tensors(config: ModelConfig, tensors: Mapping[str, TensorInfo], path: Path) -> None:
    """Hold a file's tensors against what the config asks for.

    Raises:
        CorruptFileError: a tensor that is missing or of another shape.
        UnsupportedModelError: a tensor that we would have to leave out of the computation.
    """
    known = set()
    for spec in tensor_specs(config):
        known.add(spec.name)
        info = tensors.get(spec.name)
        if info is None:
            if spec.is_required:
                raise CorruptFileError(
                    f"{path} lacks the tensor {spec.name}, {spec.shape}, that a {config.architecture} model of "
                    f"{config.num_layers} layers needs. Pull or convert it again.",
                    path,
                )
        elif not spec.fits(info.shape):
            raise CorruptFileError(
                f"{path}: {spec.name} has shape {info.shape}; its metadata asks for {spec.shape}. "
                "The file contradicts itself; pull or convert it again.",
                path,
            )
    for name in tensors:
        if name not in known and not IGNORED.fullmatch(name):
            raise UnsupportedModelError(
                f"{path} holds the tensor {name}, which this build does not use for {config.architecture} models; "
                "without it the answers would be wrong. See `appkit models list` for models that work.",
                path,
            )


def _decoder_specs(config: ModelConfig) -> Iterator[TensorSpec]:
    hidden = config.hidden_size
    yield TensorSpec("token_embd.weight", (config.vocab_size, hidden))
    yield TensorSpec("output_norm.weight", (hidden,))
    yield TensorSpec("output.weight", (config.vocab_size, hidden), is_required=False)  # absent: tied
    if config.rope is not None and config.local_rope is None:
        yield TensorSpec("rope_freqs.weight", (config.rope.dim // 2,), is_required=False)
    for layer_idx in range(config.num_layers):
        prefix = f"blk.{layer_idx}"
        yield TensorSpec(f"{prefix}.attn_norm.weight", (hidden,))
        yield from _attention_specs(config, prefix)
        yield TensorSpec(f"{prefix}.attn_output.bias", (hidden,), is_required=False)
        if config.has_qk_norm:
            yield TensorSpec(f"{prefix}.attn_q_norm.weight", (config.head_dim,))
            yield TensorSpec(f"{prefix}.attn_k_norm.weight", (config.head_dim,))
        if config.has_post_norms:
            yield TensorSpec(f"{prefix}.post_attention_norm.weight", (hidden,))
            yield TensorSpec(f"{prefix}.post_ffw_norm.weight", (hidden,))
        yield TensorSpec(f"{prefix}.ffn_norm.weight", (hidden,))
        for name in ("ffn_gate", "ffn_up"):
            yield TensorSpec(f"{prefix}.{name}.weight", (config.intermediate_size, hidden))
        yield TensorSpec(f"{prefix}.ffn_down.weight", (hidden, config.intermediate_size))


def _encoder_specs(config: ModelConfig) -> Iterator[TensorSpec]:
    hidden = config.hidden_size
    yield TensorSpec("token_embd.weight", (config.vocab_size, hidden))
    yield TensorSpec("position_embd.weight", (config.max_seq_len, hidden))
    yield TensorSpec("token_types.weight", (None, hidden), is_required=False)
    yield from _norm_specs("token_embd_norm", hidden)
    for layer_idx in range(config.num_layers):
        prefix = f"blk.{layer_idx}"
        yield from _attention_specs(config, prefix)
        yield TensorSpec(f"{prefix}.attn_output.bias", (hidden,))
        yield from _norm_specs(f"{prefix}.attn_output_norm", hidden)
        yield TensorSpec(f"{prefix}.ffn_up.weight", (config.intermediate_size, hidden))
        yield TensorSpec(f"{prefix}.ffn_up.bias", (config.intermediate_size,))
        yield TensorSpec(f"{prefix}.ffn_down.weight", (hidden, config.intermediate_size))
        yield TensorSpec(f"{prefix}.ffn_down.bias", (hidden,))
        yield from _norm_specs(f"{prefix}.layer_output_norm", hidden)


def _attention_specs(config: ModelConfig, prefix: str) -> Iterator[TensorSpec]:
    query_size, kv_size = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
    for name, size in (("attn_q", query_size), ("attn_k", kv_size), ("attn_v", kv_size)):
        yield TensorSpec(f"{prefix}.{name}.weight", (size, config.hidden_size))
        yield TensorSpec(f"{prefix}.{name}.bias", (size,), is_required=config.has_qkv_bias)
    yield TensorSpec(f"{prefix}.attn_output.weight", (config.hidden_size, query_size))


def _norm_specs(name: str, size: int) -> Iterator[TensorSpec]:
    yield TensorSpec(f"{name}.weight", (size,))
    yield TensorSpec(f"{name}.bias", (size,))
