"""Reads GGUF model files: mapped into memory, checked whole when opened, weights touched only when asked for.

    with GGUFFile.open(path) as file:
        file.metadata["general.architecture"]       # "llama"
        file.metadata["tokenizer.ggml.tokens"]      # StringArray, decoded as it is read
        file.tensors["token_embd.weight"].shape     # (49152, 576)
        file.array("token_embd.weight")             # float32

The checks are in `gguf_parser.py`. They cover structure: whether the weights are those that were published is for the
digest in the catalog to say.
"""

import mmap
import reprlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self, TypeVar, cast

import numpy as np

from runtime.errors import CorruptFileError
from runtime.loaders.gguf_parser import GGUFContents, parse_gguf
from runtime.loaders.gguf_types import TensorInfo, ValueTypeName
from runtime.loaders.mapped_file import check_still_whole, map_file, unmap
from runtime.loaders.string_array import StringArray
from runtime.quant import FORMATS, dequantize

__all__ = ["GGUFFile", "StringArray", "TensorInfo"]

T = TypeVar("T")


class GGUFFile:
    """An open GGUF file. Made by `open`; a context manager.

    Arrays it hands out are read-only views of the mapped file. They stay valid after `close`, which then leaves the
    mapping to the last of them. Somebody who shortens the file behind our back is noticed by `data` and `array`, not by
    views that were already handed out: touching lost bytes of those ends the process, as with every mapped file.
    Programs that replace model files should write a new file and rename it, as ours do.
    """

    def __init__(self, path: Path, mapping: mmap.mmap, contents: GGUFContents) -> None:
        self.path = path
        self.version = contents.version
        self.alignment = contents.alignment
        self.tensors: dict[str, TensorInfo] = contents.tensors
        self._contents: GGUFContents | None = contents
        self._mapping = mapping

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Map the file and check everything in it but the weights' values.

        Raises:
            LoadError: there is no such file, or it cannot be read.
            CorruptFileError: it is not a GGUF file, is cut off, or contradicts itself.
            UnsupportedModelError: it is sound, but needs something this build does not read.
        """
        path = Path(path)
        mapping = map_file(path)
        try:
            contents = parse_gguf(memoryview(mapping), path)
        except BaseException:
            unmap(mapping)
            raise
        return cls(path, mapping, contents)

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Key → int, float, bool or str; numpy array for arrays of numbers; `StringArray` for arrays of strings."""
        return MappingProxyType(self._open_contents().metadata)

    @property
    def value_types(self) -> Mapping[str, ValueTypeName]:
        """Key → the type it is stored as; for arrays, that of the elements."""
        return MappingProxyType(self._open_contents().value_types)

    def data(self, name: str) -> np.ndarray:
        """The stored bytes of a tensor: uint8 [..., row bytes], a read-only view of the file.

        Raises:
            KeyError: there is no such tensor.
            CorruptFileError: the file has been shortened since it was opened.
        """
        self._open_contents()
        tensor = self.tensors[name]
        check_still_whole(self._mapping, tensor.offset + tensor.num_bytes, name, self.path)
        flat = np.frombuffer(self._mapping, np.uint8, tensor.num_bytes, tensor.offset)
        return flat.reshape(*tensor.shape[:-1], FORMATS[tensor.format].row_bytes(tensor.shape[-1]))

    def array(self, name: str) -> np.ndarray:
        """The weights of a tensor as a new float32 array of its shape. Raises as `data` does."""
        return dequantize(self.data(name), self.tensors[name].format, self.tensors[name].shape)

    def close(self) -> None:
        """Let go of the file. What was handed out stays valid and keeps the mapping alive until it is gone."""
        if self._contents is not None:
            self._contents = None
            unmap(self._mapping)

    # Typed access: `default` is for an absent key. CorruptFileError, with key and value, where there is neither the
    # type that was asked for nor a default.

    def get_int(self, key: str, default: int | None = None) -> int:
        """A whole number of any stored width."""
        return self._get(key, int, "a whole number", default)

    def get_float(self, key: str, default: float | None = None) -> float:
        """A number, whole ones included."""
        return float(self._get(key, float, "a number", default))

    def get_str(self, key: str, default: str | None = None) -> str:
        """A text."""
        return self._get(key, str, "a text", default)

    def get_bool(self, key: str, default: bool | None = None) -> bool:
        """A truth value."""
        return self._get(key, bool, "a truth value", default)

    def get_strings(self, key: str) -> StringArray:
        """A list of texts."""
        return self._get(key, StringArray, "a list of texts")

    def get_array(self, key: str) -> np.ndarray:
        """A list of numbers, as a view of the file."""
        return self._get(key, np.ndarray, "a list of numbers")

    def _get(self, key: str, kind: type[T], expected: str, default: T | None = None) -> T:
        value = self.metadata.get(key, default)
        if value is None:
            raise CorruptFileError(f"{self.path} has no metadata entry {key!r}; it should be {expected}.", self.path)
        is_whole_float = kind is float and type(value) is int
        is_bool_as_number = kind is not bool and type(value) is bool
        if not (isinstance(value, kind) or is_whole_float) or is_bool_as_number:
            raise CorruptFileError(
                f"The metadata entry {key!r} of {self.path} is {reprlib.repr(value)} ({self.value_types.get(key)}); "
                f"it should be {expected}.",
                self.path,
            )
        return cast(T, value)

    def _open_contents(self) -> GGUFContents:
        if self._contents is None:
            raise ValueError(f"{self.path} has been closed.")
        return self._contents

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"GGUFFile({str(self.path)!r}, {len(self.tensors)} tensors)"
