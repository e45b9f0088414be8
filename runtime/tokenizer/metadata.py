"""Reads `tokenizer.ggml.*` values from a model file's metadata; whatever is not of the expected type is refused."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from runtime.errors import TokenizerError

PREFIX = "tokenizer.ggml."


def read_flag(metadata: Mapping[str, Any], key: str, default: bool) -> bool:
    value = metadata.get(PREFIX + key)
    if value is None:
        return default
    if not isinstance(value, (bool, np.bool_)):
        raise wrong(key, "true or false", value)
    return bool(value)


def read_id(metadata: Mapping[str, Any], key: str, num_tokens: int, default: int | None = None) -> int | None:
    """The token id under `key`; `default` where there is none and the vocabulary has such a token."""
    value = metadata.get(PREFIX + key)
    if value is None:
        return default if default is not None and default < num_tokens else None
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise wrong(key, "a token id", value)
    if not 0 <= value < num_tokens:
        raise TokenizerError(f"{PREFIX}{key} is {value}, but the vocabulary has {num_tokens:,} tokens.")
    return int(value)


def read_numbers(metadata: Mapping[str, Any], key: str, dtype: npt.DTypeLike) -> np.ndarray | None:
    """The array of numbers under `key`, or None; for an integer dtype they must be integers."""
    value = metadata.get(PREFIX + key)
    if value is None:
        return None
    try:
        array = np.asarray(value)
        if array.size == 0:
            array = array.astype(dtype)
        if array.ndim == 1 and array.dtype.kind in "iuf" and np.can_cast(array.dtype, dtype, "same_kind"):
            return array.astype(dtype)
        if array.ndim == 1 and array.dtype.kind in "iu":  # unsigned to signed, or to a narrower type
            narrow = array.astype(dtype)
            if np.array_equal(narrow, array):
                return narrow
    except (ValueError, OverflowError):
        pass
    raise wrong(key, "an array of numbers", value)


def read_strings(metadata: Mapping[str, Any], key: str) -> Sequence[str] | None:
    """The array of strings under `key`, or None. One that stays in the file is not read here."""
    value = metadata.get(PREFIX + key)
    if value is None:
        return None
    if isinstance(value, (list, tuple)):
        if not all(isinstance(item, str) for item in value):
            raise wrong(key, "an array of strings", value)
    elif not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        raise wrong(key, "an array of strings", value)
    return value


def all_strings(strings: Sequence[str], key: str) -> list[str]:
    """Every string of an array, at once.

    Raises:
        TokenizerError: a string that is no Unicode text.
    """
    try:
        read = list(strings)
        "".join(read).encode()
    except UnicodeError as error:
        raise TokenizerError(f"{PREFIX}{key} holds a string that is no Unicode text: {error}.") from error
    return read


def wrong(key: str, expected: str, value: object) -> TokenizerError:
    shown = repr(value)
    shown = shown if len(shown) <= 60 else shown[:60] + "…"
    return TokenizerError(f"{PREFIX}{key} should be {expected}, but is {shown}; convert the model again.")
