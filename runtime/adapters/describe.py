"""`describe_peft`: what an adapter folder says of itself, without the model that it is for."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from runtime.adapters.base_model import noted_base
from runtime.adapters.folder import open_folder
from runtime.adapters.formats import format_of


@dataclass(frozen=True, kw_only=True)
class AdapterInfo:
    """Facts of one adapter. Nothing of it was held against a model, and no value of a tensor was read."""

    name: str
    kind: str  # LoRA, rsLoRA, DoRA, rsLoRA + DoRA, bottleneck, prompt tuning, prefix tuning
    base_model: str  # as whoever trained it named the model; "" where that is not said
    base_sha256: str | None  # of the weights it was trained on, where the file notes it
    ranks: tuple[int, ...]  # different ones, ascending
    modules: Mapping[str, int]  # "attn_q" → in how many layers
    num_virtual_tokens: int  # positions that it takes at the start of every sequence
    num_parameters: int
    num_bytes: int  # of the tensor file


def describe_peft(folder: str | Path) -> AdapterInfo:
    """Read the settings and the header of the tensor file.

    Raises:
        AdapterError: there is no adapter, it is damaged, or of a kind that this build does not use.
        OSError: a file that may not be read.
    """
    with open_folder(folder) as opened:
        summary = format_of(opened).describe(opened)
        base_model = opened.settings.get("base_model_name_or_path")
        return AdapterInfo(
            name=opened.name,
            kind=summary.kind,
            base_model=base_model[:500] if isinstance(base_model, str) else "",
            base_sha256=noted_base(opened.tensors.metadata),
            ranks=summary.ranks,
            modules=summary.modules,
            num_virtual_tokens=summary.num_virtual_tokens,
            num_parameters=sum(prod(tensor.shape) for tensor in opened.tensors.tensors.values()),
            num_bytes=opened.tensors.path.stat().st_size,
        )
