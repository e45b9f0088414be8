"""`describe_peft`: what an adapter folder says of itself, without the model that it is for."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from runtime.adapters.base_model import noted_base
from runtime.adapters.peft_config import CONFIG_FILE, MAX_CONFIG_BYTES, parse_config
from runtime.adapters.read import WEIGHTS_FILE, find_file, read_bounded, split_key
from runtime.errors import AdapterError, CorruptFileError, UnsupportedModelError
from runtime.loaders.safetensors import read_safetensors


@dataclass(frozen=True, kw_only=True)
class AdapterInfo:
    """Facts of one adapter. Nothing of it was held against a model, and no value of a tensor was read."""

    name: str
    kind: str  # LoRA, rsLoRA, DoRA or rsLoRA + DoRA
    base_model: str  # as whoever trained it named the model; "" where that is not said
    base_sha256: str | None  # of the weights it was trained on, where the file notes it
    ranks: tuple[int, ...]  # different ones, ascending
    modules: Mapping[str, int]  # "attn_q" → in how many layers
    num_parameters: int
    num_bytes: int  # of the tensor file


def describe_peft(folder: str | Path) -> AdapterInfo:
    """Read the settings and the header of the tensor file.

    Raises:
        AdapterError: there is no adapter, it is damaged, or of a kind that this build does not use.
        OSError: a file that may not be read.
    """
    folder = Path(folder)
    config = parse_config(read_bounded(find_file(folder, CONFIG_FILE), MAX_CONFIG_BYTES), folder / CONFIG_FILE)
    path = find_file(folder, WEIGHTS_FILE)
    try:
        with read_safetensors(path) as file:
            parts = [(*split_key(key, path), tensor.shape) for key, tensor in file.tensors.items()]
            return AdapterInfo(
                name=folder.resolve().name or "adapter",
                kind=_kind(config.use_rslora, config.use_dora),
                base_model=config.base_model,
                base_sha256=noted_base(file.metadata),
                ranks=tuple(sorted({shape[0] for _, part, shape in parts if part == "a" and shape})),
                modules=dict(
                    sorted(Counter(module.rsplit(".", 1)[-1] for module, part, _ in parts if part == "a").items())
                ),
                num_parameters=sum(prod(shape) for _, _, shape in parts),
                num_bytes=path.stat().st_size,
            )
    except (CorruptFileError, UnsupportedModelError) as error:
        raise AdapterError(str(error)) from error


def _kind(use_rslora: bool, use_dora: bool) -> str:
    lora = "rsLoRA" if use_rslora else "LoRA"
    if not use_dora:
        return lora
    return "rsLoRA + DoRA" if use_rslora else "DoRA"
