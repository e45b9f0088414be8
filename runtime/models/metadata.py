"""Typed reading of what a GGUF file says about its architecture.

Every value is checked for its type here, and every complaint names the file and the key.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from runtime.errors import CorruptFileError, UnsupportedModelError

MAX_INTEGER = 2**31 - 1  # every size of a model is an int32 somewhere


class ModelMetadata:
    """The keys of one file, those of its architecture by their last part: `integer("block_count")`."""

    def __init__(self, values: Mapping[str, Any], path: Path) -> None:
        """Raises CorruptFileError where the file does not name its architecture."""
        self.values = values
        self.path = path
        architecture = values.get("general.architecture")
        if not isinstance(architecture, str) or not architecture:
            raise CorruptFileError(
                f"{path} does not name its architecture: general.architecture is {architecture!r}. "
                "It is no model file, or damaged; pull it again.",
                path,
            )
        self.architecture: str = architecture

    def has(self, key: str) -> bool:
        """Whether the file has `<architecture>.<key>`."""
        return self._full_key(key) in self.values

    def integer(self, key: str, default: int | None = None) -> int:
        """A whole number ≥ 0. Raises CorruptFileError where it is missing without a default or is something else."""
        value = self._value(key, default)
        if isinstance(value, np.ndarray):
            return self._same_for_every_layer(key, value)
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= int(value) <= MAX_INTEGER:
            raise self._wrong(key, value, f"a whole number from 0 to {MAX_INTEGER}")
        return int(value)

    def number(self, key: str, default: float | None = None) -> float:
        """A finite number. Raises CorruptFileError where it is missing without a default or is something else."""
        value = self._value(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not math.isfinite(value):
            raise self._wrong(key, value, "a finite number")
        return float(value)

    def text(self, key: str, default: str | None = None) -> str:
        """A string. Raises CorruptFileError where it is missing without a default or is something else."""
        value = self._value(key, default)
        if not isinstance(value, str):
            raise self._wrong(key, value, "text")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """A truth value. Raises CorruptFileError where it is something else."""
        value = self._value(key, default)
        if not isinstance(value, bool | np.bool_):
            raise self._wrong(key, value, "a truth value")
        return bool(value)

    def flags(self, key: str) -> tuple[bool, ...]:
        """An array of booleans, one a layer."""
        value = self._value(key, None)
        if not isinstance(value, np.ndarray | list | tuple):
            raise self._wrong(key, value, "an array of booleans")
        return tuple(bool(flag) for flag in value)

    def is_array(self, key: str) -> bool:
        """Whether `<architecture>.<key>` holds one value a layer."""
        return isinstance(self.values.get(self._full_key(key)), np.ndarray | list | tuple)

    def unsupported(self, key: str, reason: str) -> UnsupportedModelError:
        """The error for a well-formed value that needs something we do not have."""
        full_key = self._full_key(key)
        return UnsupportedModelError(f"{self.path}: {full_key} is {self.values.get(full_key)!r}; {reason}", self.path)

    def _full_key(self, key: str) -> str:
        return f"{self.architecture}.{key}"

    def _value(self, key: str, default: Any) -> Any:
        value = self.values.get(self._full_key(key), default)
        if value is None:
            raise CorruptFileError(
                f"{self.path} lacks {self._full_key(key)}, which a {self.architecture} model needs. "
                "The file is damaged or of another kind; pull it again.",
                self.path,
            )
        return value

    def _same_for_every_layer(self, key: str, values: np.ndarray) -> int:
        if values.size == 0 or not np.issubdtype(values.dtype, np.integer) or not 0 <= values[0] <= MAX_INTEGER:
            raise self._wrong(key, values, "whole numbers, one a layer")
        if (values != values[0]).any():
            raise self.unsupported(key, "layers of different sizes are not supported in this build.")
        return int(values[0])

    def _wrong(self, key: str, value: Any, expected: str) -> CorruptFileError:
        return CorruptFileError(
            f"{self.path}: {self._full_key(key)} must be {expected}, found {value!r}. "
            "The file is damaged; pull it again.",
            self.path,
        )
