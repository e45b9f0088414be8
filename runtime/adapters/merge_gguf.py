"""`merge_to_gguf`: the base model's file with an adapter in its matrices; everything else stays byte for byte."""

import errno
from pathlib import Path
from typing import Any

import numpy as np

from runtime.adapters.merge import MergeReport, ModuleDrift, decoder_of, drift_of, merge_matrix, mergeable
from runtime.errors import AdapterError
from runtime.layers.adapter import AdapterWeights
from runtime.layers.lora import LoraWeights
from runtime.loaders.gguf import GGUFFile
from runtime.loaders.gguf_writer import TensorData, TypedValue, write_gguf
from runtime.loaders.load import Model
from runtime.loaders.string_array import StringArray
from runtime.quant import QUANTIZABLE, dequantize, quantize


def merge_to_gguf(model: Model, adapter: AdapterWeights, path: str | Path, *, format: str | None = None) -> MergeReport:
    """Write a model file that does alone what the base does with the adapter, but for rounding.

    Embedding and head are copied as they are, tied or not, for no adapter changes them here.

    Args:
        path: of the new file; replaced if it exists.
        format: to store the changed matrices in ("F16", "Q8_0"); None keeps the one each has. More bits lose less.

    Raises:
        AdapterError: an adapter of another model or of a kind that cannot be merged, or a format of the file's that is
            read but not written here.
        ValueError: an unknown format, or the base model's own file.
        OSError: the disk is full, or the folder is missing or not writable.
    """
    path, lora = Path(path), mergeable(adapter)
    if format is not None and format not in QUANTIZABLE:
        raise ValueError(f"{format!r} cannot be written; choose from {', '.join(QUANTIZABLE)}.")
    check_output(model, lora, path)
    if not path.parent.is_dir():  # known before anything is computed
        raise FileNotFoundError(errno.ENOENT, "There is no such folder", str(path.parent))
    with GGUFFile.open(model.path) as file:
        tensors, drifts = [], []
        for name, info in file.tensors.items():
            module = name.removesuffix(".weight")
            if module not in lora.modules:
                tensors.append(TensorData(name, info.format, info.shape, file.data(name)))
                continue
            tensor, drift = _merged(file, name, module, lora, format or info.format)
            tensors.append(tensor)
            drifts.append(drift)
        write_gguf(path, {key: _typed(file, key) for key in file.metadata}, tensors)
    return MergeReport(path=path, modules=tuple(drifts))


def check_output(model: Model, lora: LoraWeights, path: Path) -> None:
    """Refuse what does not fit the model, and to write over the file that is being read."""
    decoder_of(model).check_adapter(lora)
    if path.exists() and path.samefile(model.path):
        raise ValueError(f"{path} is the base model's own file; give another name.")


def _merged(file: GGUFFile, name: str, module: str, lora: LoraWeights, format: str) -> tuple[TensorData, ModuleDrift]:
    if format not in QUANTIZABLE:
        raise AdapterError(
            f"{name} is stored as {format}, which this build reads but does not write. Name the format to store merged "
            f"matrices in: {', '.join(QUANTIZABLE)}."
        )
    base = file.array(name)
    merged = merge_matrix(base, lora.modules[module])
    try:
        data = quantize(merged, format)
    except ValueError as error:  # a format whose blocks the rows do not fill, or values past its scales
        raise AdapterError(f"{name} with the adapter cannot be stored: {error}") from error
    stored = dequantize(data, format, merged.shape)
    return TensorData(name, format, merged.shape, data), drift_of(module, format, base, merged, stored)


def _typed(file: GGUFFile, key: str) -> Any:
    """A value with the type that the file stores it as; arrays of numbers carry theirs."""
    value = file.metadata[key]
    if isinstance(value, np.ndarray) and value.size:
        return value
    if isinstance(value, StringArray):
        return TypedValue("string", value)
    return TypedValue(file.value_types[key], value)
