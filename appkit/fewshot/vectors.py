"""The vectors of a store: made once for an embedder, kept in memory and, where a folder is given, on disk.

A file is a plain .npy matrix, named after what its texts are, read without pickle and mapped, never loaded on trust:
its size must be that of its shape, and the embedder must say the same of three of the texts, so neither another model
of the same name nor a file that was moved here is believed.
"""

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from appkit.llm.base import Embedder
from appkit.retrieval.embedders import EmbedderIdentity, embed_checked
from runtime.files import write_atomic

logger = logging.getLogger(__name__)


def embed_or_load(texts: Sequence[str], embedder: Embedder, folder: Path | None) -> np.ndarray:
    """[n, dim] float32, rows of length 1: from the folder where it holds them, else made, and saved there.

    Raises:
        RetrievalError: the embedder gave no finite vectors of the right shape.
        OSError: the folder cannot be made or written.
    """
    if folder is None or not texts:
        return embed_checked(embedder, texts, "document")
    path = folder / f"{_digest(texts, embedder.name)}.npy"
    if path.exists():
        saved = _load(path, texts, embedder)
        if saved is not None:
            return saved
        logger.warning("%s does not hold what %r says of these examples: they are embedded anew.", path, embedder.name)
    vectors = embed_checked(embedder, texts, "document")
    folder.mkdir(parents=True, exist_ok=True)
    with write_atomic(path) as file:
        np.lib.format.write_array(file, np.ascontiguousarray(vectors, "<f4"), allow_pickle=False)
    return vectors


def _digest(texts: Sequence[str], embedder_name: str) -> str:
    digest = hashlib.sha256(embedder_name.encode())
    for text in texts:
        data = text.encode()
        digest.update(len(data).to_bytes(8, "little") + data)  # the length, so that texts cannot run together
    return digest.hexdigest()[:32]


def _load(path: Path, texts: Sequence[str], embedder: Embedder) -> np.ndarray | None:
    """The matrix in the file; None where that is not the embedder's word on these texts."""
    try:
        saved = np.load(path, mmap_mode="r", allow_pickle=False)  # mapped: a shape larger than the file is an error
    except (ValueError, OSError, EOFError, OverflowError):
        return None
    if saved.shape != (len(texts), embedder.dim) or saved.dtype != np.dtype("<f4") or not np.isfinite(saved).all():
        return None
    rows = sorted({0, len(texts) // 2, len(texts) - 1})
    said = embed_checked(embedder, [texts[row] for row in rows], "document")
    is_same = EmbedderIdentity("saved", np.array(saved[rows])).is_same(EmbedderIdentity(embedder.name, said))
    return np.array(saved) if is_same else None
