"""Vectors that a sync has computed but not committed, so that after a crash the next sync need not compute them again.

An append-only file beside the index, no part of it: nobody but a writer that holds the lock reads it, it is removed
after the commit, and whatever is wrong in it is left out.

    bytes 0-7     "APPKITU1"
    8-23          fingerprint of the embedder
    24-31         numbers in a vector, little-endian
    then records: SHA-256 of the text (32), float16 vector, CRC-32 of the record so far (4)
"""

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

_MAGIC = b"APPKITU1"
_HEADER = struct.Struct("<8s16sQ")


class UnfinishedVectors:
    """Vectors by the digest of their text. Owns the open file; a context manager that closes it."""

    def __init__(self, path: Path, fingerprint: str, dim: int) -> None:
        """Reads what is there, and starts anew where that is of another embedder."""
        self._path = path
        self._dim = dim
        header = _HEADER.pack(_MAGIC, fingerprint.encode("ascii"), dim)
        data = path.read_bytes() if path.exists() else b""
        self._vectors, num_good = self._read(data) if data.startswith(header) else ({}, 0)
        self._file = path.open("r+b" if data else "wb")
        try:
            if num_good == 0:
                self._file.write(header)
                num_good = len(header)
            self._file.truncate(num_good)
            self._file.seek(num_good)
        except BaseException:
            self._file.close()
            raise

    def get(self, text_sha256: bytes) -> np.ndarray | None:
        """[dim] float16, None where the text has none yet."""
        return self._vectors.get(text_sha256)

    def add(self, texts_sha256: Sequence[bytes], vectors: np.ndarray) -> None:
        """Keep vectors [n, dim]. They outlive this process at once; a power cut may cost the last ones."""
        halves = vectors.astype("<f2")
        for digest, vector in zip(texts_sha256, halves, strict=True):
            record = digest + vector.tobytes()
            self._file.write(record + zlib.crc32(record).to_bytes(4, "little"))
            self._vectors[digest] = vector
        self._file.flush()

    def remove(self) -> None:
        """Close and remove the file."""
        self.close()
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file. Twice is harmless."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _read(self, data: bytes) -> tuple[dict[bytes, np.ndarray], int]:
        """The records up to the first that is not whole, and the bytes up to there."""
        found: dict[bytes, np.ndarray] = {}
        size = 32 + 2 * self._dim
        start = _HEADER.size
        while start + size + 4 <= len(data):
            record, checksum = data[start : start + size], data[start + size : start + size + 4]
            if zlib.crc32(record).to_bytes(4, "little") != checksum:
                break
            found[record[:32]] = np.frombuffer(record, "<f2", offset=32)
            start += size + 4
        return found, start
