"""Reads safetensors files: mapped into memory, checked whole when opened, arrays made when asked for.

A file is: the header's length as little-endian uint64; the header, JSON: name → dtype, shape, data_offsets, with an
optional "__metadata__" of texts; then the tensors' bytes, without gaps. Stricter than the library of that name, which
lets the last of two equal names win. There is no reader for pickled weights, and there will be none.

Source: https://github.com/huggingface/safetensors#format
"""

import math
import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

import numpy as np

from runtime.errors import CorruptFileError, UnsupportedModelError
from runtime.loaders.mapped_file import check_still_whole, map_file, unmap
from runtime.loaders.sniff import HEAD_BYTES, looks_like
from runtime.quant import dequantize
from runtime.strict_json import loads, unique_keys

MAX_HEADER_BYTES = 100_000_000  # from the specification
MAX_TENSORS = 100_000
MAX_HEADER_COMMAS = 20 * MAX_TENSORS  # known before the header is parsed, and bounds the objects it turns into
MAX_DIMENSIONS = 16

_LENGTH_BYTES = 8
_METADATA_KEY = "__metadata__"
_DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "U8": np.dtype("u1"),
    "I8": np.dtype("i1"),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),  # as stored; handed out as float32
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "F32": np.dtype("<f4"),
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F64": np.dtype("<f8"),
}


def read_safetensors(path: str | Path) -> "SafetensorsFile":
    """Map a file and check everything in it but the tensors' values.

    Raises:
        LoadError: there is no such file, or it cannot be read.
        CorruptFileError: it is not a safetensors file, is cut off, or contradicts itself.
        UnsupportedModelError: a tensor has a type that this build does not read.
    """
    path = Path(path)
    mapping = map_file(path)
    try:
        metadata, tensors = parse_safetensors(memoryview(mapping), path)
    except BaseException:
        unmap(mapping)
        raise
    return SafetensorsFile(path, mapping, metadata, tensors)


@dataclass(frozen=True)
class StoredTensor:
    """Where a tensor lies: `dtype` in the format's words, `offset` in bytes from the start of the file."""

    dtype: str
    shape: tuple[int, ...]
    offset: int
    num_bytes: int


class SafetensorsFile(Mapping[str, np.ndarray]):
    """An open file: name → array, made anew each time it is asked for. A context manager.

    Arrays are read-only views of the mapped file and stay valid after `close`; only BF16, which numpy does not have,
    becomes a new float32 array. `metadata` holds the file's own notes, `tensors` the types and places.
    """

    def __init__(
        self, path: Path, mapping: mmap.mmap, metadata: dict[str, str], tensors: dict[str, StoredTensor]
    ) -> None:
        self.path = path
        self.metadata: Mapping[str, str] = MappingProxyType(metadata)
        self.tensors: Mapping[str, StoredTensor] = MappingProxyType(tensors)
        self._mapping = mapping
        self._is_closed = False

    def __getitem__(self, name: str) -> np.ndarray:
        tensor = self.tensors[name]
        if self._is_closed:
            raise ValueError(f"{self.path} has been closed.")
        check_still_whole(self._mapping, tensor.offset + tensor.num_bytes, name, self.path)
        dtype = _DTYPES[tensor.dtype]
        if tensor.num_bytes == 0:  # no bytes to look at, perhaps at the very end of the file
            return np.zeros(tensor.shape, np.float32 if tensor.dtype == "BF16" else dtype)
        if tensor.dtype == "BF16":
            stored = np.frombuffer(self._mapping, np.uint8, tensor.num_bytes, tensor.offset)
            return dequantize(stored, "BF16", (stored.size // 2,)).reshape(tensor.shape)
        count = tensor.num_bytes // dtype.itemsize
        return np.frombuffer(self._mapping, dtype, count, tensor.offset).reshape(tensor.shape)

    def __contains__(self, name: object) -> bool:
        return name in self.tensors  # Mapping's own would build the array to find out

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)

    def close(self) -> None:
        """Let go of the file. Arrays that were handed out keep the mapping alive until they are gone."""
        if not self._is_closed:
            self._is_closed = True
            unmap(self._mapping)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"SafetensorsFile({str(self.path)!r}, {len(self)} tensors)"


def parse_safetensors(view: memoryview, path: Path) -> tuple[dict[str, str], dict[str, StoredTensor]]:
    """The notes and the tensor table of a file's bytes; `path` is for messages. Raises as `read_safetensors`."""
    header, data_start = _read_header(view, path)
    notes = header.pop(_METADATA_KEY, {})
    if not isinstance(notes, dict) or not all(isinstance(text, str) for text in notes.values()):
        raise _corrupt(path, f"{_METADATA_KEY} is not a table of texts")
    if len(header) > MAX_TENSORS:
        raise _corrupt(path, f"it claims {len(header)} tensors; at most {MAX_TENSORS} are read")
    tensors = {name: _read_entry(name, entry, data_start, path) for name, entry in header.items()}
    _check_coverage(tensors, data_start, len(view), path)
    return notes, tensors


def _read_header(view: memoryview, path: Path) -> tuple[dict[str, Any], int]:
    head = bytes(view[:HEAD_BYTES])
    if not head:
        raise CorruptFileError(f"{path} is empty; pull it again.", path, 0)
    length = int.from_bytes(head[:_LENGTH_BYTES], "little")
    opening = head[_LENGTH_BYTES : _LENGTH_BYTES + 1]
    if length > MAX_HEADER_BYTES and opening == b"{":
        raise _corrupt(path, f"the header claims {length} bytes; at most {MAX_HEADER_BYTES} are read", 0)
    if length > MAX_HEADER_BYTES or (opening and opening != b"{"):
        raise CorruptFileError(f"{path} is not a safetensors file; it looks like {looks_like(head)}.", path, 0)
    data_start = _LENGTH_BYTES + length
    if len(head) <= _LENGTH_BYTES or data_start > len(view):
        missing = max(data_start, _LENGTH_BYTES + 2) - len(view)
        raise CorruptFileError(
            f"{path} is cut off or damaged: its header ends at least {missing} bytes after the end of the file, "
            f"which is at byte {len(view)}; pull it again.",
            path,
            0,
        )
    content = bytes(view[_LENGTH_BYTES:data_start])
    if content.count(b",") > MAX_HEADER_COMMAS:
        raise _corrupt(path, f"the header has more parts than {MAX_TENSORS} tensors need")
    try:
        header = loads(content.decode("utf-8"), object_pairs_hook=unique_keys)
    except (ValueError, RecursionError) as error:
        raise _corrupt(path, f"the header is not valid JSON ({_first_line(error)})") from error
    if not isinstance(header, dict):
        raise _corrupt(path, "the header is not a table")
    return header, data_start


def _first_line(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error).splitlines()[0][:200]


def _read_entry(name: str, entry: Any, data_start: int, path: Path) -> StoredTensor:
    label = repr(name[:80])
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise _corrupt(path, f"the entry of {label} is not made of dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str):
        raise _corrupt(path, f"the dtype of {label} is not a text")
    if dtype not in _DTYPES:
        raise UnsupportedModelError(
            f"{label} in {path} is stored as {dtype[:40]!r}; this build reads {', '.join(_DTYPES)}. "
            "Save the weights again in one of these, such as BF16.",
            path,
        )
    if not _are_sizes(shape) or len(shape) > MAX_DIMENSIONS:
        raise _corrupt(path, f"the shape of {label} is not a list of up to {MAX_DIMENSIONS} sizes")
    if not _are_sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise _corrupt(path, f"the data_offsets of {label} are not a start and an end")
    num_bytes = math.prod(shape) * _DTYPES[dtype].itemsize
    if offsets[1] - offsets[0] != num_bytes:
        raise _corrupt(
            path, f"{label} has {offsets[1] - offsets[0]} bytes, but {dtype} of shape {shape} takes {num_bytes}"
        )
    return StoredTensor(dtype, tuple(shape), data_start + offsets[0], num_bytes)


def _are_sizes(values: Any) -> bool:
    """True for a list of whole numbers that a file offset can hold."""
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 1 << 63 for value in values)


def _check_coverage(tensors: dict[str, StoredTensor], data_start: int, size: int, path: Path) -> None:
    """Tensors fill what follows the header exactly, so that nothing can hide between or behind them."""
    end = data_start
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].offset, item[1].num_bytes)):
        if tensor.offset != end:
            relation = "overlaps the tensor before it" if tensor.offset < end else "leaves a gap before it"
            raise _corrupt(path, f"{name[:80]!r} {relation}", tensor.offset)
        end += tensor.num_bytes
    if end > size:
        raise CorruptFileError(
            f"{path} is cut off or damaged: its tensors end at byte {end}, but the file ends at byte {size} "
            f"and lacks {end - size}; pull it again.",
            path,
            size,
        )
    if end < size:
        raise _corrupt(path, f"{size - end} bytes follow that belong to no tensor", end)


def _corrupt(path: Path, message: str, offset: int = _LENGTH_BYTES) -> CorruptFileError:
    return CorruptFileError(f"{path} is damaged at byte {offset}: {message}.", path, offset)
