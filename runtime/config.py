"""What a model is, read from its file: one frozen description drives one decoder and one encoder.

`ModelConfig` says what differs between architectures; `models/` holds the small file an architecture
that fills it from GGUF metadata. Values are checked when made, so a contradictory file fails here.
"""

import math
from dataclasses import dataclass
from typing import Literal

Activation = Literal["silu", "gelu", "gelu_tanh"]


@dataclass(frozen=True, kw_only=True)
class RopeConfig:
    """Rotary position embedding, Su et al., arXiv:2104.09864.

    `interleaved` rotates neighbours (x0, x1), as llama-family GGUF files store q and k;
    otherwise halves (x0, x[D/2]) rotate together, as in every Hugging Face checkpoint.
    """

    base: float
    dim: int
    interleaved: bool
    position_scale: float = 1.0  # positions are divided by it (linear scaling, arXiv:2306.15595)

    def __post_init__(self) -> None:
        _check_positive("RoPE base", self.base)
        _check_positive("RoPE position_scale", self.position_scale)
        if self.dim <= 0 or self.dim % 2:
            raise ValueError(f"RoPE rotates pairs, so its dim must be even and positive, got {self.dim}.")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """A transformer as its file describes it. Sizes count elements, `*_len` count tokens."""

    architecture: str
    kind: Literal["decoder", "encoder"]
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    max_seq_len: int
    norm_eps: float
    activation: Activation
    attention_scale: float  # multiplies q·k
    rope: RopeConfig | None  # None: learned positions
    local_rope: RopeConfig | None = None  # for sliding-window layers, where they differ
    layer_windows: tuple[int | None, ...] = ()  # per layer: positions it sees, None for all
    embedding_scale: float = 1.0
    has_qkv_bias: bool = False
    has_qk_norm: bool = False
    has_post_norms: bool = False  # a second norm after attention and after the feed-forward
    logit_softcap: float | None = None
    pooling: Literal["mean", "cls"] | None = None  # encoders

    def __post_init__(self) -> None:
        sizes = {
            name: getattr(self, name)
            for name in (
                "vocab_size",
                "hidden_size",
                "intermediate_size",
                "num_layers",
                "num_heads",
                "num_kv_heads",
                "head_dim",
                "max_seq_len",
            )
        }
        for name, value in sizes.items():
            if value <= 0:
                raise ValueError(f"{name} must be positive, got {value}.")
        for name in ("norm_eps", "attention_scale", "embedding_scale"):
            _check_positive(name, getattr(self, name))
        if self.logit_softcap is not None:
            _check_positive("logit_softcap", self.logit_softcap)
        if self.num_heads % self.num_kv_heads:
            raise ValueError(f"{self.num_heads} query heads cannot share {self.num_kv_heads} kv heads evenly.")
        if self.layer_windows and len(self.layer_windows) != self.num_layers:
            raise ValueError(f"{len(self.layer_windows)} layer windows given for {self.num_layers} layers.")
        for window in self.layer_windows:
            if window is not None and window <= 0:
                raise ValueError(f"A sliding window must see at least one position, got {window}.")
        for rope in (self.rope, self.local_rope):
            if rope is not None and rope.dim > self.head_dim:
                raise ValueError(f"RoPE over {rope.dim} dimensions does not fit in heads of {self.head_dim}.")

    def window(self, layer_idx: int) -> int | None:
        """Positions layer `layer_idx` may look back over, itself included; None for all."""
        return self.layer_windows[layer_idx] if self.layer_windows else None

    def rope_for(self, layer_idx: int) -> RopeConfig | None:
        """The rotation of layer `layer_idx`: sliding-window layers may have their own."""
        if self.local_rope is not None and self.window(layer_idx) is not None:
            return self.local_rope
        return self.rope


def _check_positive(name: str, value: float) -> None:
    if not 0 < value < math.inf:  # also false for NaN
        raise ValueError(f"{name} must be a positive number, got {value}.")
