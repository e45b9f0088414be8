"""What a LoRA adapter is to be. Hu et al., arXiv:2106.09685; rsLoRA: arXiv:2312.03732. Needs no torch."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

MODULE_NAMES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
_ALIASES = {
    "q_proj": "attn_q",
    "k_proj": "attn_k",
    "v_proj": "attn_v",
    "o_proj": "attn_output",
    "gate_proj": "ffn_gate",
    "up_proj": "ffn_up",
    "down_proj": "ffn_down",
}


@dataclass(frozen=True, kw_only=True)
class LoraSettings:
    """Which matrices are adapted, and how much an adapter can say.

    Raises ValueError for values out of range and for modules that no decoder has.
    """

    rank: int = 8
    alpha: float | None = None  # None: twice the rank
    use_rslora: bool = False  # scale alpha / sqrt(rank) instead of alpha / rank
    dropout: float = 0.0
    modules: tuple[str, ...] = MODULE_NAMES  # names as in GGUF, or as in Hugging Face ("q_proj")
    ranks: Mapping[str, int] = field(default_factory=dict)  # module → its own rank
    last_layers: int | None = None  # adapt only the last so many layers; those below run once an example
    seed: int = 0

    def __post_init__(self) -> None:
        for name, rank in (("rank", self.rank), *((f"rank of {key}", value) for key, value in self.ranks.items())):
            if rank < 1:
                raise ValueError(f"{name} is {rank}; it must be 1 or more.")
        if self.alpha is not None and not 0 < self.alpha < math.inf:
            raise ValueError(f"alpha is {self.alpha}; it must be a positive number.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}; it is a share of the inputs, from 0 to below 1.")
        if self.last_layers is not None and self.last_layers < 1:
            raise ValueError(f"last_layers is {self.last_layers}; it must be 1 or more, or None for all layers.")
        if not self.modules:
            raise ValueError("No module is to be adapted; leave `modules` out to adapt all linear maps.")
        object.__setattr__(self, "modules", tuple(dict.fromkeys(_module_name(name) for name in self.modules)))
        object.__setattr__(self, "ranks", {_module_name(name): rank for name, rank in self.ranks.items()})
        if strays := set(self.ranks) - set(self.modules):
            raise ValueError(f"A rank is given for {', '.join(sorted(strays))}, which is not among the modules.")

    def rank_of(self, part: str) -> int:
        """Of a module such as "attn_q"."""
        return self.ranks.get(part, self.rank)

    def scale_of(self, part: str) -> float:
        """What multiplies b @ a."""
        rank = self.rank_of(part)
        alpha = 2 * rank if self.alpha is None else self.alpha
        return alpha / math.sqrt(rank) if self.use_rslora else alpha / rank


def _module_name(name: str) -> str:
    found = _ALIASES.get(name, name)
    if found not in MODULE_NAMES:
        raise ValueError(
            f"There is no module {name!r} to adapt; there are {', '.join(MODULE_NAMES)} (or {', '.join(_ALIASES)})."
        )
    return found
