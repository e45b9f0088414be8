"""The vectors of an index as one matrix in a file, and exact search in it.

The file is derived: the database holds the same vectors, and `write_vectors` makes the same bytes from them every time.

    bytes 0-7     "APPKITV1"
    8-15          number of rows, little-endian
    16-23         numbers in a row
    24-63         0
    64-           float32, row by row, in ascending order of chunk id
"""

import hashlib
import mmap
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import numpy as np

_MAGIC = b"APPKITV1"
_HEADER = struct.Struct("<8sQQ40x")


def write_vectors(file: IO[bytes], rows: Iterable[np.ndarray], num_rows: int, dim: int) -> str:
    """Write the matrix; its SHA-256.

    Args:
        rows: blocks [n, dim] of any float type, `num_rows` rows in all.
    """
    digest = hashlib.sha256()

    def write(data: bytes) -> None:
        file.write(data)
        digest.update(data)

    write(_HEADER.pack(_MAGIC, num_rows, dim))
    written = 0
    for block in rows:
        assert block.ndim == 2 and block.shape[1] == dim, f"a block of shape {block.shape} in a matrix {dim} wide"
        write(np.ascontiguousarray(block, "<f4").tobytes())
        written += len(block)
    assert written == num_rows, f"{written} rows where {num_rows} were announced"
    return digest.hexdigest()


def map_file(path: Path) -> mmap.mmap | None:
    """A file in memory, unchecked; None if it is missing, empty or unreadable. It stays readable when it is removed."""
    try:
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):  # ValueError: an empty file
        return None


def matrix_of(mapped: mmap.mmap | None, num_rows: int, dim: int, sha256: str) -> np.ndarray | None:
    """[num_rows, dim] float32, read-only and backed by the file; None if that is not what was written.

    Reads the file once to compare the digest (1.5 GB/s here: 50 ms for 50,000 rows of 384). Search reads all of it too.
    """
    if mapped is None or len(mapped) != _HEADER.size + num_rows * dim * 4:
        return None
    if hashlib.sha256(mapped).hexdigest() != sha256:
        return None
    return np.frombuffer(mapped, "<f4", offset=_HEADER.size).reshape(num_rows, dim)


def search_exact(
    matrix: np.ndarray, query: np.ndarray, limit: int, rows: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The rows most like `query`: (row numbers, scores), best first, the lower row first where scores are equal.

    Args:
        matrix: [n, d] float32.
        query: [d] float32.
        rows: row numbers to look at, ascending; None for all.
    """
    scores = matrix @ query if rows is None else matrix[rows] @ query
    if limit < len(scores):
        # Not argpartition alone: of equal scores at the limit it keeps any, and which ones must not vary.
        least = np.partition(scores, len(scores) - limit)[len(scores) - limit] if limit else np.inf
        found = np.flatnonzero(scores >= least)
    else:
        found = np.arange(len(scores))
    order = found[np.argsort(-scores[found], kind="stable")][:limit]
    return (order if rows is None else rows[order]), scores[order]
