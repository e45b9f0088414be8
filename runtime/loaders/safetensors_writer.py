"""Writes safetensors files: what `safetensors.py` reads. The same arguments give the same bytes.

write_safetensors(path, {"lora_A.weight": array}, {"format": "pt"})
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from runtime.files import write_atomic
from runtime.quant import quantize

_ITEM_BYTES = {"F32": 4, "F16": 2, "BF16": 2}
_ALIGNMENT = 8  # of the first tensor, as the format asks


@dataclass(frozen=True)
class TensorToWrite:
    """A tensor's place in the file, known before its values are."""

    name: str
    dtype: str  # F32, F16 or BF16
    shape: tuple[int, ...]

    @property
    def num_bytes(self) -> int:
        return math.prod(self.shape) * _ITEM_BYTES[self.dtype]


def write_safetensors(
    path: str | Path, arrays: Mapping[str, np.ndarray], notes: Mapping[str, str] | None = None, dtype: str = "F32"
) -> None:
    """Write float32 arrays, atomically.

    Args:
        path: replaced if it exists; its folder must exist.
        notes: texts for the header.
        dtype: what to store them as: F32, F16 or BF16.

    Raises:
        ValueError: a name that is taken by the format, or a type that is not one of these.
        OSError: the disk is full, the folder is missing or not writable.
    """
    tensors = [TensorToWrite(name, dtype, array.shape) for name, array in arrays.items()]
    with write_atomic(Path(path)) as file:
        stream_safetensors(file, tensors, arrays.values(), notes)


def stream_safetensors(
    file: IO[bytes],
    tensors: Iterable[TensorToWrite],
    values: Iterable[np.ndarray],
    notes: Mapping[str, str] | None = None,
) -> None:
    """Write tensors one by one to an open file, so that no more than one of them need be in memory.

    Args:
        values: float32 arrays in the order of `tensors`.

    Raises:
        ValueError: as `write_safetensors`, before anything is written.
    """
    tensors = list(tensors)
    header = _header(tensors, notes or {})
    file.write(len(header).to_bytes(8, "little"))
    file.write(header)
    for tensor, array in zip(tensors, values, strict=True):
        assert array.shape == tensor.shape and array.dtype == np.float32, (tensor, array.shape, array.dtype)
        file.write(quantize(array, tensor.dtype).reshape(-1).data if array.size else b"")


def _header(tensors: list[TensorToWrite], notes: Mapping[str, str]) -> bytes:
    table: dict[str, object] = {"__metadata__": dict(notes)} if notes else {}
    offset = 0
    for tensor in tensors:
        if not tensor.name or tensor.name in table or tensor.name == "__metadata__":
            raise ValueError(f"{tensor.name!r} cannot be the name of a tensor: it is empty, taken, or there twice.")
        if tensor.dtype not in _ITEM_BYTES:
            raise ValueError(f"{tensor.dtype!r} is not written here; choose from {', '.join(_ITEM_BYTES)}.")
        end = offset + tensor.num_bytes
        table[tensor.name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    header = json.dumps(table, separators=(",", ":")).encode()
    return header + b" " * (-len(header) % _ALIGNMENT)
