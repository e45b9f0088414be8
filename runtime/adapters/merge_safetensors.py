"""`merge_to_safetensors`: a base model with an adapter in its matrices, as a folder that transformers loads."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from runtime.adapters.hf_checkpoint import checkpoint_config, checkpoint_name, checkpoint_values
from runtime.adapters.merge import MergeReport, ModuleDrift, drift_of, merge_matrix, mergeable
from runtime.adapters.merge_gguf import check_output
from runtime.config import ModelConfig
from runtime.files import write_atomic
from runtime.layers.adapter import AdapterWeights
from runtime.layers.lora import LoraWeights
from runtime.loaders.gguf import GGUFFile
from runtime.loaders.load import Model
from runtime.loaders.safetensors_writer import TensorToWrite, stream_safetensors
from runtime.models.registry import build_config
from runtime.quant import dequantize, quantize

WEIGHTS_FILE, CONFIG_FILE = "model.safetensors", "config.json"
_TORCH_NAMES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


def merge_to_safetensors(
    model: Model, adapter: AdapterWeights, folder: str | Path, *, format: str = "BF16"
) -> MergeReport:
    """Write `model.safetensors` and `config.json`; the tokenizer's files are those of the base model.

    A head that is tied to the embedding stays so: it is not written, and the config says that there is none.

    Args:
        folder: made if it does not exist; both files are replaced, others stay.
        format: to store every tensor in: F32, F16 or BF16.

    Raises:
        AdapterError: an adapter of another model, or of a kind that cannot be merged.
        UnsupportedModelError: a model that such a folder cannot describe.
        ValueError: an unknown format.
        OSError: the disk is full, or the folder cannot be written.
    """
    folder, lora = Path(folder), mergeable(adapter)
    if format not in _TORCH_NAMES:
        raise ValueError(f"{format!r} is no type of a checkpoint; choose from {', '.join(_TORCH_NAMES)}.")
    check_output(model, lora, folder / WEIGHTS_FILE)
    with GGUFFile.open(model.path) as file:
        config = build_config(file.metadata, model.path)
        settings = checkpoint_config(file, config, _TORCH_NAMES[format])
        names = {name: stored for name in file.tensors if (stored := checkpoint_name(config, name)) is not None}
        tensors = [TensorToWrite(stored, format, file.tensors[name].shape) for name, stored in names.items()]
        drifts: list[ModuleDrift] = []
        folder.mkdir(parents=True, exist_ok=True)
        with write_atomic(folder / CONFIG_FILE) as config_file:  # the weights take their place first
            config_file.write(json.dumps(settings, indent=2, sort_keys=True).encode() + b"\n")
            with write_atomic(folder / WEIGHTS_FILE) as weights_file:
                values = _merged_values(file, config, list(names), lora, format, drifts)
                stream_safetensors(weights_file, tensors, values, {"format": "pt"})
    return MergeReport(path=folder, modules=tuple(drifts))


def _merged_values(
    file: GGUFFile, config: ModelConfig, names: list[str], lora: LoraWeights, format: str, drifts: list[ModuleDrift]
) -> Iterator[np.ndarray]:
    """One tensor after another, as it is to be stored; adds to `drifts` what storing it will lose."""
    for name in names:
        values, module = file.array(name), name.removesuffix(".weight")
        if module in lora.modules:
            base, values = values, merge_matrix(values, lora.modules[module])
            stored = dequantize(quantize(values, format), format, values.shape)
            drifts.append(drift_of(module, format, base, values, stored))
        yield np.ascontiguousarray(checkpoint_values(config, name, values))
