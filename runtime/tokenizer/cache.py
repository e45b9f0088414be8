"""Arrays that are dear to compute from a vocabulary, kept beside the model file.

A cache is never needed and never trusted: what does not carry the digest of this very vocabulary, or is damaged in any
way, counts as absent, and where the folder cannot be written nothing is kept. The file is the vocabulary's SHA-256,
that of what follows, and numpy's npz of the arrays, without pickle.
"""

import hashlib
import io
import logging
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from runtime.files import write_atomic

_LOG = logging.getLogger(__name__)
_FORMAT = 1  # raise it when what an array means changes
_DIGEST_BYTES = 32
_MAX_BYTES = 256 << 20  # no vocabulary comes near; keeps a planted file from filling memory


def vocabulary_digest(parts: Iterable[object]) -> bytes:
    """32 bytes that differ when any of `parts` (strings, numbers, arrays, string arrays) does."""
    digest = hashlib.sha256(f"format {_FORMAT}".encode())
    for part in parts:
        content = _content(part)
        digest.update(len(content).to_bytes(8, "little"))
        digest.update(content)
    return digest.digest()


def _content(part: object) -> bytes | memoryview:
    if isinstance(part, np.ndarray):
        return part.tobytes()
    raw = getattr(part, "raw", None)  # a string array of a mapped file hands its region over as it lies there
    if raw is not None:
        return memoryview(raw())
    if isinstance(part, (list, tuple)):
        return "\0".join(map(str, part)).encode("utf-8", "surrogatepass")
    all_bytes = getattr(part, "all_bytes", None)
    return b"\0".join(all_bytes()) if all_bytes is not None else repr(part).encode()


def load_arrays(path: Path | None, digest: bytes, names: Iterable[str]) -> dict[str, np.ndarray] | None:
    """The arrays stored at `path` under this digest, or None."""
    if path is None:
        return None
    try:
        if path.stat().st_size > _MAX_BYTES:
            return None
        content = path.read_bytes()
        head, body = content[: 2 * _DIGEST_BYTES], memoryview(content)[2 * _DIGEST_BYTES :]
        if head != digest + hashlib.sha256(body).digest():  # numpy's reader does not notice all damage
            return None
        with np.load(io.BytesIO(body), allow_pickle=False) as stored:
            return {name: stored[name] for name in names}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def store_arrays(path: Path | None, digest: bytes, arrays: Mapping[str, np.ndarray]) -> None:
    """Keep `arrays` at `path`; a folder that cannot be written is said to the log and costs nothing else."""
    if path is None:
        return
    content: dict[str, Any] = dict(arrays)
    body = io.BytesIO()
    np.savez(body, allow_pickle=False, **content)
    try:
        with write_atomic(path) as file:
            file.write(digest + hashlib.sha256(body.getbuffer()).digest())
            file.write(body.getbuffer())
    except OSError as error:
        _LOG.info("the vocabulary is not cached at %s: %s", path, error)
