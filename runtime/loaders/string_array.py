"""A GGUF array of strings that stays in the file: a token list is walked once and decoded where it is read.

In the file every string is its length as uint64 and then its bytes, so the only way to find the next one is to read
the length of the last.
"""

import itertools
import struct
from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

from runtime.loaders.gguf_types import MAX_STRING_BYTES

_LENGTH = struct.Struct("<Q")
LENGTH_BYTES = _LENGTH.size
_WALK_AT_ONCE = 4096  # strings whose places are Python integers at one time


class StringArray(Sequence[str]):
    """The strings of one metadata array. It holds on to the mapping of its file, which outlives `GGUFFile.close`.

    Strings that are not UTF-8 (a token may be half a character) raise UnicodeDecodeError as text; `bytes_at` and
    `all_bytes` give every string as it is stored.
    """

    def __init__(self, region: memoryview, bounds: npt.NDArray[np.uint32]) -> None:
        """Args: region: the bytes of the array; bounds: as `find_bounds` gives them."""
        self._region = region
        self._bounds = bounds

    def __len__(self) -> int:
        return len(self._bounds) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return self.bytes_at(index).decode("utf-8")

    def __iter__(self) -> Iterator[str]:
        for content in self.all_bytes():
            yield content.decode("utf-8")

    def bytes_at(self, index: int) -> bytes:
        """String `index` as stored; negative indices count from the end."""
        position = range(len(self))[index]  # raises IndexError as a list does
        start, next_start = self._bounds[position : position + 2].tolist()
        return bytes(self._region[start : next_start - LENGTH_BYTES])

    def all_bytes(self) -> list[bytes]:
        """All strings as stored, much faster than one by one."""
        content = bytes(self._region)
        bounds = self._bounds.tolist()
        return [content[start : following - LENGTH_BYTES] for start, following in itertools.pairwise(bounds)]

    def raw(self) -> memoryview:
        """The array as it lies in the file, lengths and all; equal regions hold equal strings. For digests."""
        return self._region

    def __repr__(self) -> str:
        return f"StringArray({len(self)} strings, {len(self._region)} bytes)"


def find_bounds(view: memoryview, count: int) -> npt.NDArray[np.uint32]:
    """Where the `count` strings at the start of `view` begin: string i is bytes bounds[i] to bounds[i + 1] − 8.

    Takes 4 bytes of memory a string; the caller has checked that `view` has 8 for each, and is below 4 GiB.

    Raises:
        ValueError: a string is longer than the limit, with its index and length.
        EOFError: the strings run past the end of `view`.
    """
    bounds = np.empty(count + 1, np.uint32)
    unpack = _LENGTH.unpack_from
    position = 0
    for first in range(0, count, _WALK_AT_ONCE):
        starts = []
        for _ in range(min(_WALK_AT_ONCE, count - first)):
            starts.append(position + LENGTH_BYTES)
            try:
                (length,) = unpack(view, position)
            except struct.error:
                raise EOFError from None
            if length > MAX_STRING_BYTES:
                raise ValueError(f"string {first + len(starts) - 1} claims {length} bytes")
            position += LENGTH_BYTES + length
        bounds[first : first + len(starts)] = starts
    if position > len(view):
        raise EOFError
    bounds[count] = position + LENGTH_BYTES
    return bounds
