"""Writes GGUF version 3 files: for conversions and for tests.

    write_gguf(
        path,
        {"general.architecture": "llama", "llama.block_count": 2, "tokenizer.ggml.scores": np.zeros(10, np.float32)},
        [TensorData("output_norm.weight", "F32", (64,), quantize(weights, "F32"))],
    )

The same arguments give the same bytes. The file appears at `path` whole or not at all.
"""

import reprlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from runtime.files import write_atomic
from runtime.loaders.gguf_types import (
    ALIGNMENT_KEY,
    ARRAY_ID,
    DEFAULT_ALIGNMENT,
    DTYPES,
    MAGIC,
    MAX_ALIGNMENT,
    MAX_DIMENSIONS,
    MAX_KEY_BYTES,
    MAX_NAME_BYTES,
    MAX_STRING_BYTES,
    TYPE_IDS,
    TYPE_NAMES,
    ValueTypeName,
    is_valid_alignment,
)
from runtime.loaders.string_array import StringArray
from runtime.quant import FORMATS

_VERSION = 3


@dataclass(frozen=True)
class TypedValue:
    """A metadata value with the type to store it as, where the default is not wanted; a list is stored as an array."""

    type: ValueTypeName
    value: Any


@dataclass(frozen=True)
class TensorData:
    """A tensor to write: `data` are its stored bytes, uint8 of any shape; `shape` is in numpy order."""

    name: str
    format: str
    shape: tuple[int, ...]
    data: np.ndarray


def write_gguf(path: str | Path, metadata: Mapping[str, Any], tensors: Iterable[TensorData]) -> None:
    """Write a model file, atomically.

    Args:
        path: replaced if it exists; its folder must exist.
        metadata: key → bool, int (stored as uint32), float (float32), str, numpy scalar or 1-D array (its own type),
            list (of int: int32, as token types are; of str or bytes: strings, which need not be UTF-8; of the others as
            above), `StringArray`, or `TypedValue`. `general.alignment` is obeyed; without it tensors are aligned to 32
            bytes.
        tensors: kept until all is written; their bytes are not copied where they are contiguous.

    Raises:
        ValueError: a value that does not fit its type, a name that is not allowed or there twice, a tensor whose bytes
            do not match its shape. Nothing is written then.
        OSError: the disk is full, the folder is missing or not writable.
    """
    tensors = list(tensors)
    alignment = _alignment(metadata)
    entries = [_encode_key(key) + _encode_value(key, value) for key, value in metadata.items()]
    records, offset = [], 0
    for tensor in tensors:
        _check_tensor(tensor)
        records.append(_encode_record(tensor, offset))
        offset += _padded(tensor.data.size, alignment)
    if len({tensor.name for tensor in tensors}) < len(tensors):
        raise ValueError(f"Two of the {len(tensors)} tensors have the same name.")
    header = MAGIC + struct.pack("<IQQ", _VERSION, len(tensors), len(entries))
    with write_atomic(Path(path)) as file:
        _write_padded(file, header + b"".join(entries) + b"".join(records), alignment)
        for tensor in tensors:
            _write_padded(file, np.ascontiguousarray(tensor.data).reshape(-1).data, alignment)


def _alignment(metadata: Mapping[str, Any]) -> int:
    alignment = metadata.get(ALIGNMENT_KEY, DEFAULT_ALIGNMENT)
    if isinstance(alignment, TypedValue) and alignment.type == "uint32":
        alignment = alignment.value
    if type(alignment) is not int or not is_valid_alignment(alignment):
        raise ValueError(f"{ALIGNMENT_KEY} must be an int, a power of two up to {MAX_ALIGNMENT}; got {alignment!r}.")
    return alignment


def _encode_key(key: str) -> bytes:
    if not key:
        raise ValueError("A metadata key needs a name.")
    return _encode_string(key, f"the key {key[:40]!r}", MAX_KEY_BYTES)


def _encode_value(key: str, value: Any) -> bytes:
    """The type of a value and the value."""
    type_name, content = _typed(key, value)
    type_id = struct.pack("<I", TYPE_IDS[type_name])
    if not isinstance(content, list | np.ndarray):
        if isinstance(content, float | np.floating) and not np.isfinite(content):
            raise ValueError(f"{key!r} is {content}; a single number in GGUF metadata must be finite.")
        if isinstance(content, bytes):
            raise ValueError(f"{key!r} is bytes; a single string in GGUF metadata is text, so decode it first.")
        return type_id + _encode_items(key, type_name, [content])
    array_head = struct.pack("<I", ARRAY_ID) + type_id + struct.pack("<Q", len(content))
    return array_head + _encode_items(key, type_name, content)


def _typed(key: str, value: Any) -> tuple[ValueTypeName, Any]:
    """The type to store a value as, and the value: a list or 1-D array for an array, anything else for one value."""
    if isinstance(value, TypedValue):
        if value.type not in TYPE_IDS:
            raise ValueError(f"{key!r}: {value.type!r} is not a GGUF type; there are {', '.join(TYPE_IDS)}.")
        return value.type, _plain(key, value.value)
    content = _plain(key, value)
    if isinstance(value, np.ndarray | np.generic):
        return _numpy_type(key, value), content
    return _list_type(key, content) if isinstance(content, list) else _scalar_type(key, content), content


def _plain(key: str, value: Any) -> Any:
    """`value` with every kind of sequence as a list, except numpy arrays, which must have one dimension."""
    if isinstance(value, StringArray):
        return value.all_bytes()
    if isinstance(value, np.ndarray) and value.ndim != 1:
        raise ValueError(f"{key!r}: an array in GGUF metadata has one dimension, not shape {value.shape}.")
    return list(value) if isinstance(value, tuple) else value


def _scalar_type(key: str, value: Any) -> ValueTypeName:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "uint32"
    if isinstance(value, float):
        return "float32"
    if isinstance(value, str | bytes):
        return "string"
    raise ValueError(f"{key!r}: GGUF cannot store a {type(value).__name__}.")


def _list_type(key: str, values: Sequence[Any]) -> ValueTypeName:
    types = {_scalar_type(key, value) for value in values}
    if types == {"uint32"}:
        return "int32"
    if len(types) != 1:
        raise ValueError(f"{key!r}: a list must hold one kind of value; for an empty one say which with TypedValue.")
    return types.pop()


def _numpy_type(key: str, value: np.ndarray | np.generic) -> ValueTypeName:
    for name in TYPE_NAMES.values():
        if name != "string" and value.dtype == DTYPES[name]:
            return name
    raise ValueError(f"{key!r}: GGUF cannot store {value.dtype}.")


def _encode_items(key: str, type_name: ValueTypeName, items: list[Any] | np.ndarray) -> bytes:
    if type_name == "string":
        return b"".join(_encode_string(item, repr(key), MAX_STRING_BYTES) for item in items)
    dtype, array = DTYPES[type_name], np.asarray(items)
    if dtype.kind in "iu" and array.dtype.kind in "fO" and all(type(item) is int for item in items):
        # numpy takes [0, 2**63] for floats; as objects the ints stay exact until they are known to fit.
        array = np.asarray(items, dtype=object)
        if all(np.iinfo(dtype).min <= item <= np.iinfo(dtype).max for item in items):
            array = array.astype(dtype)
    if array.size and (array.ndim != 1 or not _fits(array, dtype)):
        raise ValueError(f"{key!r}: {reprlib.repr(items)} does not fit {type_name}; name a type with TypedValue.")
    return array.astype(dtype).tobytes()


def _fits(array: np.ndarray, dtype: np.dtype[Any]) -> bool:
    """True if all values survive as `dtype`; floats may be rounded, but not become infinite."""
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return array.dtype.kind in "iu" and limits.min <= int(array.min()) and int(array.max()) <= limits.max
    if dtype.kind == "f":
        largest = np.finfo(dtype).max
        return array.dtype.kind in "iuf" and not (np.isfinite(array) & (np.abs(array) > largest)).any()
    return array.dtype.kind == dtype.kind


def _encode_string(text: str | bytes, what: str, limit: int) -> bytes:
    content = text.encode("utf-8") if isinstance(text, str) else text
    if not isinstance(content, bytes):
        raise ValueError(f"{what}: a string is str or bytes, not {type(text).__name__}.")
    if len(content) > limit:
        raise ValueError(f"{what}: a string of {len(content)} bytes is too long, at most {limit} are read back.")
    return struct.pack("<Q", len(content)) + content


def _check_tensor(tensor: TensorData) -> None:
    if tensor.format not in FORMATS:
        raise ValueError(f"{tensor.name}: {tensor.format!r} is not a weight format; there are {', '.join(FORMATS)}.")
    if not 1 <= len(tensor.shape) <= MAX_DIMENSIONS or min(tensor.shape) < 1:
        raise ValueError(f"{tensor.name}: a tensor has 1 to {MAX_DIMENSIONS} dimensions, not {tensor.shape}.")
    num_bytes = FORMATS[tensor.format].row_bytes(tensor.shape[-1]) * int(np.prod(tensor.shape[:-1], dtype=object))
    if tensor.data.dtype != np.uint8 or tensor.data.size != num_bytes:
        raise ValueError(
            f"{tensor.name}: {tensor.format} weights of shape {tensor.shape} are {num_bytes} bytes of uint8, "
            f"got {tensor.data.size} of {tensor.data.dtype}."
        )
    if not tensor.name:
        raise ValueError("A tensor needs a name.")


def _encode_record(tensor: TensorData, offset: int) -> bytes:
    dims = tensor.shape[::-1]
    return (
        _encode_string(tensor.name, f"tensor name {tensor.name!r}", MAX_NAME_BYTES)
        + struct.pack(f"<I{len(dims)}Q", len(dims), *dims)
        + struct.pack("<IQ", FORMATS[tensor.format].type_id, offset)
    )


def _padded(num_bytes: int, alignment: int) -> int:
    return -(-num_bytes // alignment) * alignment


def _write_padded(file: IO[bytes], content: bytes | memoryview, alignment: int) -> None:
    file.write(content)
    file.write(bytes(_padded(len(content), alignment) - len(content)))
