"""`write_peft`: an adapter as a folder; one of a kind that PEFT knows is loaded by PEFT without a warning.

Both files are complete on disk before either takes its place, so a full disk leaves the old adapter whole. The settings
come last, and those of an old adapter go first: a writer that is killed between the two leaves a folder that holds no
adapter, never the settings of one with the weights of another.
"""

import json
from pathlib import Path
from typing import assert_never

from runtime.adapters.base_model import base_notes
from runtime.adapters.bottleneck_files import bottleneck_contents
from runtime.adapters.folder import CONFIG_FILE, WEIGHTS_FILE, FolderContents
from runtime.adapters.prefix_files import prefix_contents
from runtime.adapters.soft_prompt_files import soft_prompt_contents
from runtime.adapters.write_lora import lora_contents
from runtime.files import write_atomic
from runtime.layers.adapter import AdapterWeights
from runtime.layers.bottleneck import BottleneckWeights
from runtime.layers.lora import LoraWeights
from runtime.layers.virtual_tokens import PrefixWeights, SoftPromptWeights
from runtime.loaders.load import Model
from runtime.loaders.safetensors_writer import TensorToWrite, stream_safetensors
from runtime.models.decoder import Decoder


def write_peft(
    folder: str | Path,
    adapter: AdapterWeights,
    model: Model,
    *,
    base_model: str | None = None,
    use_rslora: bool = False,
    dropout: float = 0.0,
) -> None:
    """Write an adapter of `model`; the weights are float32.

    Args:
        folder: made if it does not exist; an adapter that is there is replaced, other files stay.
        base_model: what to call the model in the settings, such as its name on the hub; None for its name here.
        use_rslora: of LoRA: state the scales as alpha / sqrt(R); the numbers are the same either way.
        dropout: of LoRA: what it was trained with, for the record.

    Raises:
        ValueError: an adapter that changes no part of a model, or one that its kind of folder cannot hold, such as a
            LoRA of which only some modules have magnitudes; settings of LoRA for an adapter of another kind.
        AdapterError: an adapter of another model.
        OSError: the disk is full, or the folder cannot be written.
    """
    network = model.network
    if not isinstance(network, Decoder):
        raise ValueError(f"{model.name} makes embeddings; adapters are for models that write.")
    network.check_adapter(adapter)
    contents = _contents(adapter, model, network, use_rslora, dropout)
    settings = {**contents.settings, "base_model_name_or_path": base_model or model.name}
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = [TensorToWrite(name, "F32", array.shape) for name, array in contents.arrays.items()]
    with write_atomic(folder / CONFIG_FILE) as config_file:
        config_file.write(json.dumps(settings, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n")
        config_file.flush()
        with write_atomic(folder / WEIGHTS_FILE) as weights_file:
            stream_safetensors(weights_file, tensors, contents.arrays.values(), {"format": "pt", **base_notes(model)})
            weights_file.flush()
            (folder / CONFIG_FILE).unlink(missing_ok=True)


def _contents(
    adapter: AdapterWeights, model: Model, network: Decoder, use_rslora: bool, dropout: float
) -> FolderContents:
    if isinstance(adapter, LoraWeights):
        return lora_contents(adapter, model, network, use_rslora=use_rslora, dropout=dropout)
    if use_rslora or dropout:
        raise ValueError(f"use_rslora and dropout are settings of LoRA; adapter {adapter.name!r} is of another kind.")
    if isinstance(adapter, BottleneckWeights):
        return bottleneck_contents(adapter)
    if isinstance(adapter, SoftPromptWeights):
        return soft_prompt_contents(adapter, network.config)
    if isinstance(adapter, PrefixWeights):
        return prefix_contents(adapter, network.config)
    assert_never(adapter)
