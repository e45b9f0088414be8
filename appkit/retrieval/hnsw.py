"""The graph over the vectors of a large index (HNSW), built and searched by faiss.

Chunk ids only ever grow, so a change adds its new chunks to the graph of before; those that are gone stay in it as
nodes that a search steps over, until they are too many and it is built anew.

faiss reads a hostile file straight into a crash or worse. A file is read only after its digest was found to be the
one in the manifest, and it starts as the two kinds of index that are written here.

Source: Malkov and Yashunin, Efficient and robust approximate nearest neighbor search using hierarchical navigable small
world graphs, arXiv:1603.09320.
"""

import hashlib
import importlib.util
import os
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np

HNSW_ABOVE = 50_000  # chunks; below, looking at every vector takes less than 20 ms
MISSING_FAISS = (
    "This index is large enough for approximate search, but faiss is not installed: every vector is looked at, which "
    'is exact and slower. Install it with: pip install "appkit-llm[faiss]"'
)

_NEIGHBOURS = 32
_BUILD_WIDTH = 80
_SEARCH_WIDTH = 128
_MAX_GONE_SHARE = 0.2
_READ_BYTES = 1 << 20
_KINDS = {(b"IxM2", b"IHNf")}  # IndexIDMap2 of IndexHNSWFlat, as faiss writes their names
_INNER_KIND_AT = 37  # bytes: a name, then width, count, two spare numbers, flag and metric of the outer index


def has_faiss() -> bool:
    """True if faiss can be imported. Does not import it."""
    return importlib.util.find_spec("faiss") is not None


class Graph:
    """A graph of vectors by chunk id."""

    def __init__(self, index: Any) -> None:
        """Use `build`, `load`."""
        self._index = index

    @classmethod
    def build(cls, chunk_ids: np.ndarray, matrix: np.ndarray) -> "Graph":
        """A graph of all rows of `matrix`, [n, dim] float32. Uses every core: half a minute for 60,000 rows on two."""
        faiss = _faiss()
        flat = faiss.IndexHNSWFlat(matrix.shape[1], _NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)
        flat.hnsw.efConstruction = _BUILD_WIDTH
        graph = cls(faiss.IndexIDMap2(flat))
        graph.add(chunk_ids, matrix)
        return graph

    @classmethod
    def load(cls, file: BufferedReader, sha256: str, dim: int) -> "Graph | None":
        """The graph in a file that is open; None if that is not what was written."""
        # Digest, kind and content come from one open file, so nothing can be put in its place in between.
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            return None
        file.seek(0)
        start = file.read(_INNER_KIND_AT + 4)
        if (start[:4], start[_INNER_KIND_AT:]) not in _KINDS:
            return None
        file.seek(0)
        faiss = _faiss()
        index = faiss.read_index(faiss.PyCallbackIOReader(file.read, _READ_BYTES))
        return cls(index) if index.d == dim else None

    @property
    def chunk_ids(self) -> np.ndarray:
        """[n] int64, in the order they were added, which is ascending."""
        ids: np.ndarray = _faiss().vector_to_array(self._index.id_map)
        return ids

    def add(self, chunk_ids: np.ndarray, matrix: np.ndarray) -> None:
        """Put rows of `matrix` in."""
        faiss = _faiss()
        faiss.omp_set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
        self._index.add_with_ids(np.ascontiguousarray(matrix, np.float32), np.ascontiguousarray(chunk_ids, np.int64))

    def save(self, path: Path) -> None:
        """Write the graph into a new file."""
        _faiss().write_index(self._index, os.fspath(path))

    def search(self, query: np.ndarray, limit: int, present: np.ndarray) -> list[tuple[int, float]]:
        """Chunks like `query`, (chunk id, cosine), best first. Now and then one is missed.

        Args:
            present: [n] int64, ascending: the chunks that there are; others in the graph are gone.
        """
        faiss = _faiss()
        faiss.omp_set_num_threads(1)  # for a single query two threads are slower than one
        count = min(limit, self._index.ntotal)
        while True:
            width = faiss.SearchParametersHNSW(efSearch=max(_SEARCH_WIDTH, 2 * count))
            scores, ids = self._index.search(query[None], count, params=width)
            places = np.minimum(np.searchsorted(present, ids[0]), len(present) - 1)
            is_present = present[places] == ids[0]
            if is_present.sum() >= min(limit, len(present)) or count >= self._index.ntotal:
                found = zip(ids[0][is_present].tolist(), scores[0][is_present].tolist(), strict=True)
                return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:limit]
            count = min(2 * count, self._index.ntotal)


def open_if_there(path: Path) -> BufferedReader | None:
    """A file to read, None where it is missing or unreadable. The caller closes it."""
    try:
        return path.open("rb")
    except OSError:
        return None


def grow_graph(before: Graph | None, chunk_ids: np.ndarray, matrix: np.ndarray) -> Graph:
    """The graph of the chunks that there are now, from that of before where enough of it is still there."""
    if before is not None:
        known = before.chunk_ids
        num_gone = len(known) - np.isin(known, chunk_ids, assume_unique=True).sum()
        if num_gone <= _MAX_GONE_SHARE * len(chunk_ids):
            is_new = ~np.isin(chunk_ids, known, assume_unique=True)
            if is_new.any():
                before.add(chunk_ids[is_new], matrix[is_new])
            return before
    return Graph.build(chunk_ids, matrix)


def _faiss() -> Any:
    import faiss  # 0.2 s and 66 MB that only a large index pays for

    return faiss
