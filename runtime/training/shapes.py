"""What a plan needs to know of a model, an adapter and a batch: sizes, and no weights. Nothing here needs torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from runtime.config import ModelConfig
from runtime.errors import UnsupportedModelError
from runtime.loaders.gguf import GGUFFile
from runtime.loaders.names import check_tensors
from runtime.models.registry import build_config
from runtime.training.bottleneck_settings import BottleneckSettings
from runtime.training.data.packing import Packed
from runtime.training.lora_settings import LoraSettings
from runtime.training.virtual_token_settings import VirtualTokenSettings


@dataclass(frozen=True, kw_only=True)
class ModelShape:
    """A decoder's matrices."""

    config: ModelConfig
    has_own_head: bool
    stored_layer_bytes: int  # of the layers' matrices, in the file

    @cached_property
    def modules(self) -> Mapping[str, tuple[int, int]]:
        """(N, K) of the matrices of one layer, by module."""
        config = self.config
        hidden, inner = config.hidden_size, config.intermediate_size
        queries, keys = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
        return {
            "attn_q": (queries, hidden),
            "attn_k": (keys, hidden),
            "attn_v": (keys, hidden),
            "attn_output": (hidden, queries),
            "ffn_gate": (inner, hidden),
            "ffn_up": (inner, hidden),
            "ffn_down": (hidden, inner),
        }

    @property
    def layer_parameters(self) -> int:
        """Elements of the matrices of one layer."""
        return sum(rows * columns for rows, columns in self.modules.values())

    @property
    def head_parameters(self) -> int:
        """Elements of the matrix that makes logits, and of the embeddings."""
        return self.config.vocab_size * self.config.hidden_size

    @property
    def num_parameters(self) -> int:
        """Elements of all matrices."""
        layers = self.config.num_layers * self.layer_parameters
        return layers + self.head_parameters * (2 if self.has_own_head else 1)


def read_model_shape(path: str | Path) -> ModelShape:
    """From the header of a GGUF file.

    Raises:
        LoadError: the file is damaged, or of a kind we do not run.
        UnsupportedModelError: the model is no decoder.
    """
    path = Path(path)
    with GGUFFile.open(path) as file:
        config = build_config(file.metadata, path)
        check_tensors(config, file.tensors, path)
        if config.kind != "decoder":
            raise UnsupportedModelError(f"{path} holds an encoder; only decoders are fine-tuned.", path)
        matrices = [info for name, info in file.tensors.items() if name.startswith("blk.") and len(info.shape) == 2]
        return ModelShape(
            config=config,
            has_own_head="output.weight" in file.tensors,
            stored_layer_bytes=sum(info.num_bytes for info in matrices),
        )


@dataclass(frozen=True, kw_only=True)
class AdapterShape:
    """What an adapter adds to each layer it adapts, and to the work of a token there."""

    num_parameters: int  # in all
    first_layer: int = 0
    ranks: Mapping[str, int] = field(default_factory=dict)  # module → rank of what is added to its product
    soft_tokens: int = 0  # in front of every sequence, through all layers
    prefix_tokens: int = 0  # keys and values in front of every sequence
    # Elements a token that a layer keeps for the gradient, beyond those that ranks tell:
    kept_by_qkv: int = 0
    kept_after_attention: int = 0
    kept_after_feed_forward: int = 0

    def from_layer(self, first_layer: int, num_layers: int) -> "AdapterShape | None":
        """Only the layers from there on; None for what is in front of the first."""
        if self.soft_tokens or self.prefix_tokens or first_layer <= self.first_layer:
            return None
        share = (num_layers - first_layer) / (num_layers - self.first_layer)
        return replace(self, first_layer=first_layer, num_parameters=round(self.num_parameters * share))

    def with_half_rank(self) -> "AdapterShape | None":
        """About half the parameters; None where there are no ranks, or the least ones."""
        halves = {module: max(1, rank // 2) for module, rank in self.ranks.items()}
        if halves == self.ranks:
            return None
        share = sum(halves.values()) / sum(self.ranks.values())
        return replace(self, ranks=halves, num_parameters=round(self.num_parameters * share))


def low_rank_shape(model: ModelShape, settings: LoraSettings, *, has_magnitudes: bool = False) -> AdapterShape:
    """Of LoRA, or of DoRA, which has magnitudes.

    Raises:
        ValueError: more layers are to be adapted than there are.
    """
    config = model.config
    num_layers = _num_adapted(config, settings.last_layers)
    ranks = {module: settings.rank_of(module) for module in model.modules if module in settings.modules}
    parameters = sum(rank * sum(model.modules[module]) for module, rank in ranks.items())
    if has_magnitudes:
        parameters += sum(model.modules[module][0] for module in ranks)
    # Stretched outputs. Those of gate and up are kept anyway; those of q, k and v unless they have lost a bias or are
    # normed; the others where a norm follows.
    is_kept_twice = has_magnitudes and (config.has_qkv_bias or config.has_qk_norm)
    projections = ("attn_q", "attn_k", "attn_v") if is_kept_twice else ()
    stretched = config.hidden_size if has_magnitudes and not config.has_post_norms else 0
    return AdapterShape(
        num_parameters=parameters * num_layers,
        first_layer=config.num_layers - num_layers,
        ranks=ranks,
        kept_by_qkv=sum(model.modules[module][0] for module in projections) if set(projections) & set(ranks) else 0,
        kept_after_attention=stretched if "attn_output" in ranks else 0,
        kept_after_feed_forward=stretched if "ffn_down" in ranks else 0,
    )


def bottleneck_shape(model: ModelShape, settings: BottleneckSettings) -> AdapterShape:
    """Of a bottleneck adapter. Raises ValueError where more layers are to be adapted than there are."""
    config, size = model.config, settings.size
    num_layers = _num_adapted(config, settings.last_layers)
    kept = config.hidden_size + 2 * size  # what enters, and what is narrow before and after it is bent
    a_place = 2 * config.hidden_size * size + size + config.hidden_size
    return AdapterShape(
        num_parameters=num_layers * len(settings.places) * a_place,
        first_layer=config.num_layers - num_layers,
        kept_after_attention=kept if "attention" in settings.places else 0,
        kept_after_feed_forward=kept if "feed_forward" in settings.places else 0,
    )


def soft_prompt_shape(model: ModelShape, settings: VirtualTokenSettings) -> AdapterShape:
    """Of a soft prompt."""
    return AdapterShape(num_parameters=settings.num_tokens * model.config.hidden_size, soft_tokens=settings.num_tokens)


def prefix_shape(model: ModelShape, settings: VirtualTokenSettings) -> AdapterShape:
    """Of keys and values in front of those of every layer."""
    config = model.config
    a_token = config.num_layers * 2 * config.num_kv_heads * config.head_dim
    return AdapterShape(num_parameters=settings.num_tokens * a_token, prefix_tokens=settings.num_tokens)


@dataclass(frozen=True, kw_only=True)
class BatchShape:
    """Tokens run together."""

    num_tokens: int
    num_supervised: int
    lengths: tuple[int, ...]  # of the sequences

    def cut(self, num_tokens: int) -> "BatchShape":
        """Of at most so many tokens, of sequences like these: as many as fit, or part of one."""
        if num_tokens >= self.num_tokens:
            return self
        lengths, left = [], num_tokens
        for length in self.lengths:
            if length <= left:
                lengths.append(length)
                left -= length
        lengths = lengths or [num_tokens]
        share = sum(lengths) / self.num_tokens
        return replace(
            self,
            num_tokens=sum(lengths),
            num_supervised=max(1, round(self.num_supervised * share)),
            lengths=tuple(lengths),
        )

    def with_tokens_in_front(self, count: int) -> "BatchShape":
        """Every sequence longer by so many tokens."""
        lengths = tuple(length + count for length in self.lengths)
        return replace(self, num_tokens=sum(lengths), lengths=lengths)


def batch_shape(rows: Sequence[Packed]) -> BatchShape:
    """Of rows that are run together."""
    return BatchShape(
        num_tokens=sum(map(len, rows)),
        num_supervised=sum(row.num_supervised for row in rows),
        lengths=tuple(length for row in rows for length in np.diff(row.cu_seqlens).tolist()),
    )


def _num_adapted(config: ModelConfig, last_layers: int | None) -> int:
    count = config.num_layers if last_layers is None else last_layers
    if count > config.num_layers:
        raise ValueError(f"last_layers is {count}; the model has {config.num_layers} layers.")
    return count
