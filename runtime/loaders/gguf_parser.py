"""Turns the leading bytes of a GGUF file into metadata and a table of tensors, trusting none of them.

Nothing is allocated for a count or length before the bytes that must follow it are known to be there, so memory stays
below the file's size plus 64 MiB, whatever the file claims. Arrays stay where they are. Knows no files: it reads any
buffer, which is how it is fuzzed.
"""

import itertools
import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from runtime.errors import CorruptFileError, UnsupportedModelError
from runtime.loaders.gguf_types import (
    ALIGNMENT_KEY,
    ARRAY_ID,
    DEFAULT_ALIGNMENT,
    DTYPES,
    MAGIC,
    MAX_ALIGNMENT,
    MAX_ARRAY_ELEMENTS,
    MAX_DIMENSIONS,
    MAX_ENTRIES,
    MAX_KEY_BYTES,
    MAX_METADATA_BYTES,
    MAX_NAME_BYTES,
    MAX_STRING_BYTES,
    MAX_TENSORS,
    MAX_TEXT_BYTES,
    STRING_ID,
    TYPE_NAMES,
    VERSIONS,
    TensorInfo,
    ValueTypeName,
    is_valid_alignment,
)
from runtime.loaders.sniff import HEAD_BYTES, looks_like
from runtime.loaders.string_array import LENGTH_BYTES, StringArray, find_bounds
from runtime.quant import FORMATS, format_of_type, ggml_type_name

_MIN_ENTRY_BYTES = 8 + 1 + 4 + 1  # a key of one byte, a type, a value of one byte
_MIN_TENSOR_BYTES = 8 + 1 + 4 + 8 + 4 + 8  # a name of one byte, one dimension


@dataclass(frozen=True)
class GGUFContents:
    """What stands in front of the tensors, and where they are. `value_types` has the element type for an array."""

    version: int
    alignment: int
    metadata: dict[str, Any]
    value_types: dict[str, ValueTypeName]
    tensors: dict[str, TensorInfo]


def parse_gguf(view: memoryview, path: Path) -> GGUFContents:
    """Read everything but the tensors' bytes.

    Args:
        view: the whole file. Arrays in the result refer to it.
        path: for messages only.

    Raises:
        CorruptFileError: the bytes contradict the format, or are fewer than it needs.
        UnsupportedModelError: a version, byte order or tensor type that this build does not read.
    """
    cursor = _Cursor(view, path)
    version = _read_version(cursor)
    num_tensors = cursor.count("the number of tensors", MAX_TENSORS, _MIN_TENSOR_BYTES)
    num_entries = cursor.count("the number of metadata entries", MAX_ENTRIES, _MIN_ENTRY_BYTES)
    metadata, value_types = _MetadataParser(cursor).read(num_entries)
    alignment = _alignment(cursor, metadata, value_types)
    tensors = _read_tensors(cursor, num_tensors, alignment)
    _check_layout(cursor, tensors)
    return GGUFContents(version, alignment, metadata, value_types, {tensor.name: tensor for tensor in tensors})


class _Cursor:
    """A position in the file that only moves over bytes that exist."""

    def __init__(self, view: memoryview, path: Path) -> None:
        self.view = view
        self.path = path
        self.position = 0
        self.end = min(len(view), MAX_METADATA_BYTES)

    def corrupt(self, message: str, offset: int | None = None) -> CorruptFileError:
        """An error to raise, at `offset` or where the cursor stands."""
        offset = self.position if offset is None else offset
        return CorruptFileError(f"{self.path} is damaged at byte {offset}: {message}.", self.path, offset)

    def too_short(self, what: str, num_bytes: int, start: int) -> CorruptFileError:
        """An error to raise where `what`, `num_bytes` from `start` on, runs past the end of the file."""
        size = len(self.view)
        return CorruptFileError(
            f"{self.path} is cut off or damaged: {what} at byte {start} takes {num_bytes} bytes, but the file ends at "
            f"byte {size} and lacks {start + num_bytes - size}; pull it again.",
            self.path,
            start,
        )

    def take(self, num_bytes: int, what: str) -> int:
        """Step over `num_bytes` and return where they start."""
        if num_bytes > self.end - self.position:
            raise self.overrun(what, num_bytes)
        start = self.position
        self.position += num_bytes
        return start

    def overrun(self, what: str, num_bytes: int) -> CorruptFileError:
        """An error to raise where the next `num_bytes` are not all there, or not all metadata."""
        if self.position + num_bytes <= len(self.view):
            return self.corrupt(f"{what} lies beyond the {MAX_METADATA_BYTES >> 20} MiB that metadata may take")
        return self.too_short(what, num_bytes, self.position)

    def uint32(self, what: str) -> int:
        """The next 4 bytes as a number."""
        value: int = struct.unpack_from("<I", self.view, self.take(4, what))[0]
        return value

    def uint64(self, what: str) -> int:
        """The next 8 bytes as a number."""
        value: int = struct.unpack_from("<Q", self.view, self.take(8, what))[0]
        return value

    def count(self, what: str, limit: int, min_bytes: int) -> int:
        """The next 8 bytes as a number of things that take at least `min_bytes` each."""
        start = self.position
        value = self.uint64(what)
        if value * min_bytes > self.end - self.position:
            raise self.corrupt(
                f"{what} is {value}, more than the {self.end - self.position} bytes after it can hold; pull it again",
                start,
            )
        if value > limit:
            raise self.corrupt(f"{what} is {value}; at most {limit} are read", start)
        return value

    def string_bytes(self, what: str, limit: int) -> bytes:
        """A string of up to `limit` bytes, as stored."""
        start = self.position
        length = self.uint64(f"the length of {what}")
        if length > limit:
            raise self.corrupt(f"{what} claims {length} bytes, and at most {limit} are allowed", start)
        begin = self.take(length, what)
        return bytes(self.view[begin : begin + length])

    def text(self, what: str, limit: int) -> str:
        """A string of up to `limit` bytes that must be UTF-8."""
        start = self.position
        content = self.string_bytes(what, limit)
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.corrupt(f"{what} is not UTF-8 text", start + LENGTH_BYTES + error.start) from error


def _read_version(cursor: _Cursor) -> int:
    path, head = cursor.path, bytes(cursor.view[:HEAD_BYTES])
    if not head:
        raise CorruptFileError(f"{path} is empty; pull it again.", path, 0)
    if len(head) < len(MAGIC) and MAGIC.startswith(head):
        raise cursor.too_short("the header", 24, 0)
    if head.startswith(MAGIC[::-1]):
        raise _big_endian(path)
    if not head.startswith(MAGIC):
        raise CorruptFileError(f"{path} is not a GGUF file; it looks like {looks_like(head)}.", path, 0)
    cursor.take(len(MAGIC), "the magic number")
    version = cursor.uint32("the version")
    if version not in VERSIONS:
        if version & 0xFFFF == 0 and version:  # a small number with its bytes the other way round
            raise _big_endian(path)
        if version == 0:
            raise cursor.corrupt("the GGUF version is 0", 4)
        raise UnsupportedModelError(
            f"{path} is a GGUF file of version {version}; this build reads versions 2 and 3. "
            + ("Convert the original weights again." if version == 1 else "A newer build may read it."),
            path,
        )
    return version


def _big_endian(path: Path) -> UnsupportedModelError:
    return UnsupportedModelError(
        f"{path} is a big-endian GGUF file; this build reads little-endian ones. Convert the original weights again.",
        path,
    )


class _MetadataParser:
    """Reads the key-value pairs; counts what they take together."""

    def __init__(self, cursor: _Cursor) -> None:
        self.cursor = cursor
        self.num_elements = 0
        self.text_bytes = 0

    def read(self, num_entries: int) -> tuple[dict[str, Any], dict[str, ValueTypeName]]:
        """All entries in order, and the type of each."""
        metadata: dict[str, Any] = {}
        value_types: dict[str, ValueTypeName] = {}
        for entry_idx in range(num_entries):
            start = self.cursor.position
            key = self.cursor.text(f"the key of metadata entry {entry_idx}", MAX_KEY_BYTES)
            if not key:
                raise self.cursor.corrupt(f"the key of metadata entry {entry_idx} is empty", start)
            if key in metadata:
                raise self.cursor.corrupt(f"the metadata key {key!r} is there twice", start)
            metadata[key], value_types[key] = self._value(key)
        return metadata, value_types

    def _value(self, key: str) -> tuple[Any, ValueTypeName]:
        start = self.cursor.position
        type_id = self.cursor.uint32(f"the type of {key!r}")
        if type_id == ARRAY_ID:
            return self._array(key)
        if type_id not in TYPE_NAMES:
            raise self.cursor.corrupt(f"{key!r} has the unknown value type {type_id}", start)
        name = TYPE_NAMES[type_id]
        return self._text(key) if type_id == STRING_ID else self._number(key, name), name

    def _text(self, key: str) -> str:
        start = self.cursor.position
        text = self.cursor.text(f"the text of {key!r}", MAX_STRING_BYTES)
        self.text_bytes += self.cursor.position - start - LENGTH_BYTES
        if self.text_bytes > MAX_TEXT_BYTES:
            raise self.cursor.corrupt(
                f"with {key!r} the texts are longer than {MAX_TEXT_BYTES >> 20} MiB together", start
            )
        return text

    def _number(self, key: str, type_name: ValueTypeName) -> int | float | bool:
        dtype = DTYPES[type_name]
        start = self.cursor.take(dtype.itemsize, f"the value of {key!r}")
        values = np.frombuffer(self.cursor.view, np.uint8 if type_name == "bool" else dtype, 1, start)
        if type_name == "bool":
            self._check_bools(key, values, start)
            return bool(values[0])
        value: int | float = values.item()
        if isinstance(value, float) and not math.isfinite(value):
            raise self.cursor.corrupt(f"{key!r} is {value}", start)
        return value

    def _array(self, key: str) -> tuple[Any, ValueTypeName]:
        start = self.cursor.position
        type_id = self.cursor.uint32(f"the element type of {key!r}")
        if type_id == ARRAY_ID:
            raise self.cursor.corrupt(f"{key!r} is an array of arrays, which no model has", start)
        if type_id not in TYPE_NAMES:
            raise self.cursor.corrupt(f"the elements of {key!r} have the unknown type {type_id}", start)
        name = TYPE_NAMES[type_id]
        min_bytes = LENGTH_BYTES if name == "string" else DTYPES[name].itemsize
        length = self.cursor.count(f"the length of {key!r}", MAX_ARRAY_ELEMENTS, min_bytes)
        self.num_elements += length
        if self.num_elements > MAX_ARRAY_ELEMENTS:
            raise self.cursor.corrupt(
                f"with {key!r} the arrays have more than {MAX_ARRAY_ELEMENTS} elements together", start
            )
        return self._strings(key, length) if name == "string" else self._numbers(key, name, length), name

    def _numbers(self, key: str, type_name: ValueTypeName, length: int) -> np.ndarray:
        dtype = DTYPES[type_name]
        start = self.cursor.take(length * dtype.itemsize, f"the array {key!r}")
        if type_name != "bool":
            return np.frombuffer(self.cursor.view, dtype, length, start)
        values = np.frombuffer(self.cursor.view, np.uint8, length, start)
        self._check_bools(key, values, start)
        return values.view(np.bool_)

    def _strings(self, key: str, length: int) -> StringArray:
        cursor, start = self.cursor, self.cursor.position
        rest = cursor.view[start : cursor.end]
        try:
            bounds = find_bounds(rest, length)
        except ValueError as error:
            raise cursor.corrupt(f"in {key!r} {error}, and at most {MAX_STRING_BYTES} are allowed") from None
        except EOFError:
            # Where the last string would end is unknown; that it is past what is left is certain.
            raise cursor.overrun(f"the array {key!r} of {length} strings", len(rest) + 1) from None
        num_bytes = int(bounds[-1]) - LENGTH_BYTES
        cursor.take(num_bytes, f"the array {key!r}")
        return StringArray(rest[:num_bytes], bounds)

    def _check_bools(self, key: str, values: np.ndarray, start: int) -> None:
        if values.size and values.max() > 1:
            raise self.cursor.corrupt(f"a truth value of {key!r} is {values.max()}; it can be 0 or 1", start)


def _alignment(cursor: _Cursor, metadata: dict[str, Any], value_types: dict[str, ValueTypeName]) -> int:
    if ALIGNMENT_KEY not in metadata:
        return DEFAULT_ALIGNMENT
    alignment = metadata[ALIGNMENT_KEY]
    if not isinstance(alignment, int) or value_types[ALIGNMENT_KEY] != "uint32":
        raise cursor.corrupt(f"{ALIGNMENT_KEY} is of type {value_types[ALIGNMENT_KEY]}, it must be one uint32")
    if not is_valid_alignment(alignment):
        raise cursor.corrupt(f"{ALIGNMENT_KEY} is {alignment}; it must be a power of two up to {MAX_ALIGNMENT}")
    return alignment


def _read_tensors(cursor: _Cursor, num_tensors: int, alignment: int) -> list[TensorInfo]:
    """The tensor records, each sound in itself; offsets still to be compared with the file."""
    records: list[tuple[str, str, tuple[int, ...], int]] = []
    names: set[str] = set()
    for tensor_idx in range(num_tensors):
        start = cursor.position
        name = cursor.text(f"the name of tensor {tensor_idx}", MAX_NAME_BYTES)
        if not name:
            raise cursor.corrupt(f"the name of tensor {tensor_idx} is empty", start)
        if name in names:
            raise cursor.corrupt(f"the tensor {name!r} is there twice", start)
        names.add(name)
        shape = _read_shape(cursor, name)
        format_name = _read_format(cursor, name, shape)
        offset_at = cursor.position
        offset = cursor.uint64(f"the offset of {name!r}")
        if offset % alignment:
            raise cursor.corrupt(
                f"the offset {offset} of {name!r} is not a multiple of the alignment {alignment}", offset_at
            )
        records.append((name, format_name, shape, offset))
    data_start = -(-cursor.position // alignment) * alignment
    return [
        TensorInfo(name, format_name, shape, data_start + offset, _num_bytes(format_name, shape))
        for name, format_name, shape, offset in records
    ]


def _read_shape(cursor: _Cursor, name: str) -> tuple[int, ...]:
    start = cursor.position
    num_dims = cursor.uint32(f"the number of dimensions of {name!r}")
    if not 1 <= num_dims <= MAX_DIMENSIONS:
        raise cursor.corrupt(f"{name!r} has {num_dims} dimensions; there can be 1 to {MAX_DIMENSIONS}", start)
    start = cursor.take(8 * num_dims, f"the dimensions of {name!r}")
    dims = struct.unpack_from(f"<{num_dims}Q", cursor.view, start)
    if 0 in dims:
        raise cursor.corrupt(f"{name!r} has an empty dimension, its sizes are {list(dims)}", start)
    return dims[::-1]


def _read_format(cursor: _Cursor, name: str, shape: tuple[int, ...]) -> str:
    start = cursor.position
    type_id = cursor.uint32(f"the type of {name!r}")
    stored = format_of_type(type_id)
    if stored is None:
        raise UnsupportedModelError(
            f"{name} in {cursor.path} is stored as {ggml_type_name(type_id)}; this build reads {', '.join(FORMATS)}. "
            "Take a file of the same model in one of these, such as one marked Q4_K_M or Q8_0.",
            cursor.path,
        )
    if shape[-1] % stored.block_size:
        raise cursor.corrupt(
            f"a row of {name!r} has {shape[-1]} weights, no multiple of {stored.name}'s {stored.block_size} a block",
            start,
        )
    return stored.name


def _num_bytes(format_name: str, shape: tuple[int, ...]) -> int:
    return FORMATS[format_name].row_bytes(shape[-1]) * math.prod(shape[:-1])


def _check_layout(cursor: _Cursor, tensors: list[TensorInfo]) -> None:
    """Every tensor lies inside the file and none on another. Gaps and any order are allowed."""
    size = len(cursor.view)
    by_offset = sorted(tensors, key=lambda tensor: tensor.offset)
    for tensor, following in itertools.pairwise(by_offset):
        if tensor.offset + tensor.num_bytes > following.offset:
            raise cursor.corrupt(f"the tensors {tensor.name!r} and {following.name!r} overlap", following.offset)
    if by_offset and by_offset[-1].offset + by_offset[-1].num_bytes > size:
        # The last one says how long the whole file should be, whichever tensor the cut went through.
        last = by_offset[-1]
        raise cursor.too_short(f"the tensor {last.name!r}", last.num_bytes, last.offset)
