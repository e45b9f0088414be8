"""Writes SentencePiece's precompiled character map: which byte strings a tokenizer replaces by which others.

A map is a trie over UTF-8 keys, stored as a double array of 32-bit units, followed by the replacements as
NUL-terminated strings that the trie's values point into. The blob starts with the array's size in bytes.

Source: the normalizer of github.com/google/sentencepiece; units as in github.com/s-yata/darts-clone.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

_HAS_LEAF = 1 << 8
_IS_LEAF = 1 << 31
_MAX_OFFSET = 1 << 21  # what a unit's offset holds without its coarse form, which maps of our size do not need


@dataclass
class _Node:
    children: dict[int, "_Node"] = field(default_factory=dict)  # by byte
    value: int | None = None  # where the replacement of the key that ends here begins


def build_charsmap(replacements: Mapping[str, str]) -> bytes:
    """The blob that replaces each key by its value, the longest key first wherever several match.

    Raises:
        ValueError: an empty key, a NUL, or more keys than the compact form can hold.
    """
    pool = bytearray()
    places: dict[str, int] = {}
    root = _Node()
    for key in sorted(replacements):
        value = replacements[key]
        if not key or "\0" in key + value:
            raise ValueError(f"a character map cannot replace {key!r} by {value!r}")
        if value not in places:
            places[value] = len(pool)
            pool += value.encode() + b"\0"
        node = root
        for byte in key.encode():
            node = node.children.setdefault(byte, _Node())
        node.value = places[value]
    units = _DoubleArray().build(root)
    return struct.pack("<I", units.nbytes) + units.tobytes() + bytes(pool)


class _DoubleArray:
    """Places the nodes of a trie so that a child is found by one exclusive-or.

    The unit of the child under byte c of a node with base b is at b ^ c, its value at b ^ 0.
    """

    def __init__(self) -> None:
        self._units = np.full(256, _IS_LEAF, np.uint32)  # a free unit is marked so that no byte matches it
        self._is_free = np.ones(256, bool)
        self._is_base = np.zeros(256, bool)
        self._first_free = 1

    def build(self, root: _Node) -> np.ndarray:
        """The units of the trie, uint32, a multiple of 256 of them."""
        self._is_free[0] = False
        self._units[0] = 0
        waiting = [(0, root)]
        while waiting:
            position, node = waiting.pop()
            labels = ([] if node.value is None else [0]) + sorted(node.children)
            if not labels:
                continue  # the root of an empty map
            base = self._find_base(labels)
            offset = position ^ base
            if offset >= _MAX_OFFSET:
                raise ValueError(f"the character map needs more than {_MAX_OFFSET} units")
            self._units[position] |= np.uint32(offset << 10)
            if node.value is not None:
                self._units[position] |= np.uint32(_HAS_LEAF)
                self._units[base] = _IS_LEAF | node.value
            for byte, child in sorted(node.children.items()):
                self._units[base ^ byte] = byte
                waiting.append((base ^ byte, child))
        return self._units

    def _find_base(self, labels: list[int]) -> int:
        """A base not used yet for which the places of all `labels` are free; they are taken."""
        while self._first_free < self._is_free.size and not self._is_free[self._first_free]:
            self._first_free += 1  # everything before it is taken for good
        wanted = np.array(labels)
        start = self._first_free
        while True:
            free = np.flatnonzero(self._is_free[start:]) + start
            bases = free ^ labels[0]
            fits = ~self._is_base[bases] & self._is_free[bases[:, None] ^ wanted].all(axis=1) & (bases > 0)
            if fits.any():
                base = int(bases[fits.argmax()])
                break
            start = self._is_free.size
            self._grow()
        self._is_base[base] = True
        self._is_free[base ^ wanted] = False
        return base

    def _grow(self) -> None:
        self._units = np.append(self._units, np.full(256, _IS_LEAF, np.uint32))
        self._is_free = np.append(self._is_free, np.ones(256, bool))
        self._is_base = np.append(self._is_base, np.zeros(256, bool))
