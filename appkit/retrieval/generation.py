"""`Generation`: a committed state of an index, opened for reading.

Nothing is believed before its digest was compared: the database when it is opened, the matrix of vectors and its graph
when they are first needed. What is derived and damaged is made anew from the database, with a notice.
"""

import secrets
import threading
import warnings
import weakref
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from appkit.errors import IndexDamagedError
from appkit.retrieval.embedders import EmbedderIdentity
from appkit.retrieval.hnsw import HNSW_ABOVE, MISSING_FAISS, Graph, has_faiss, open_if_there
from appkit.retrieval.manifest import Manifest, put_in_place, read_manifest, write_manifest
from appkit.retrieval.store import Store
from appkit.retrieval.vectors import map_file, matrix_of, search_exact, write_vectors
from runtime.files import sha256_file, write_atomic


class IndexNotice(UserWarning):
    """Something of an index is not as it should be. It works all the same."""


class Generation:
    """One state of an index. It does not change, whatever is committed after it. Threads may share it."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        """Raises: IndexDamagedError: the database is not what was committed; FileNotFoundError: it is gone."""
        self.folder = folder
        self.manifest = manifest
        self._path = folder / manifest.database.name
        check_database(self._path, manifest, folder)
        self.store = Store(self._path)
        # Opened with the database, so that they can be read when a writer has removed them; checked when first needed.
        self._mapped = map_file(folder / manifest.vectors.name)
        self._graph_file = open_if_there(folder / manifest.hnsw.name) if manifest.hnsw is not None else None
        if self._graph_file is not None:
            weakref.finalize(self, self._graph_file.close)  # as the database: with the last reader
        self._lock = threading.RLock()
        self._chunk_ids: np.ndarray | None = None
        self._matrix: np.ndarray | None = None
        self._graph: Graph | None = None
        self._has_no_graph = False

    @property
    def chunk_ids(self) -> np.ndarray:
        """[n] int64, ascending: the chunk of every row of `matrix`."""
        with self._lock:
            if self._chunk_ids is None:
                self._chunk_ids = self.store.chunk_ids()
            return self._chunk_ids

    @property
    def matrix(self) -> np.ndarray:
        """[n, dim] float32, read-only."""
        with self._lock:
            if self._matrix is None:
                self._matrix = self._load_matrix()
            return self._matrix

    @property
    def graph(self) -> Graph | None:
        """The graph that answers faster than `matrix`; None in a small index, or where it cannot be used."""
        with self._lock:
            if self._graph is None and not self._has_no_graph:
                self._graph = self._load_graph()
                self._has_no_graph = self._graph is None
            return self._graph

    @property
    def identity(self) -> EmbedderIdentity | None:
        """The embedder whose vectors these are; None in an index that never had a document."""
        probes = self.store.meta("probes")
        if probes is None:
            return None
        return EmbedderIdentity(
            self.manifest.embedder_name, np.frombuffer(probes, "<f4").reshape(-1, self.manifest.dim)
        )

    def rows_of(self, chunk_ids: np.ndarray) -> np.ndarray:
        """Rows of `matrix` for those of `chunk_ids` that exist."""
        rows = np.searchsorted(self.chunk_ids, chunk_ids)
        rows[rows == len(self.chunk_ids)] = 0
        return rows[self.chunk_ids[rows] == chunk_ids] if len(self.chunk_ids) else rows[:0]

    def vector_search(self, query: np.ndarray, limit: int, allowed: np.ndarray | None) -> list[tuple[int, float]]:
        """The chunks most like `query`, (chunk id, cosine), best first."""
        if not len(self.chunk_ids):
            return []
        if allowed is None and (graph := self.graph) is not None:
            return graph.search(query, limit, self.chunk_ids)
        rows = None if allowed is None else self.rows_of(np.unique(allowed))
        found, scores = search_exact(self.matrix, query, limit, rows)
        return list(zip(self.chunk_ids[found].tolist(), scores.tolist(), strict=True))

    def write_matrix(self) -> None:
        """Make the file of vectors anew from the database: the same bytes as before."""
        entry = self.manifest.vectors
        with write_atomic(self.folder / entry.name) as file:
            sha256 = write_vectors(file, self.store.vectors(), self.manifest.num_chunks, self.manifest.dim)
            assert sha256 == entry.sha256, f"{entry.name} came out as {sha256}, it was {entry.sha256}"

    def write_graph(self) -> None:
        """Make the file of the graph anew, where there is faiss, and commit its digest. Needs the index's lock."""
        path = self.folder / f"hnsw-{self.manifest.id}.faiss"
        draft = path.with_name(f"draft-{secrets.token_hex(8)}.faiss")
        entry = None
        try:
            if has_faiss():
                Graph.build(self.chunk_ids, self.matrix).save(draft)
                entry = put_in_place(draft, path.name, sha256_file(draft))
        finally:
            draft.unlink(missing_ok=True)
        self.manifest = replace(self.manifest, hnsw=entry)
        write_manifest(self.folder, self.manifest)

    def close(self) -> None:
        """Close the files. Twice is harmless."""
        self.store.close()
        if self._graph_file is not None:
            self._graph_file.close()

    def _load_graph(self) -> Graph | None:
        entry = self.manifest.hnsw
        if not has_faiss():
            if self.manifest.num_chunks > HNSW_ABOVE:
                warnings.warn(MISSING_FAISS, IndexNotice, stacklevel=2)
            return None
        if entry is None:
            return None
        graph = None
        if self._graph_file is not None:
            with self._graph_file as file:
                graph = Graph.load(file, entry.sha256, self.manifest.dim)
        if graph is None:
            warnings.warn(
                f"{self.folder / entry.name} is missing or damaged; every vector is looked at until it is repaired: "
                "appkit index verify --repair",
                IndexNotice,
                stacklevel=2,
            )
        return graph

    def _load_matrix(self) -> np.ndarray:
        manifest, entry = self.manifest, self.manifest.vectors
        shape = (manifest.num_chunks, manifest.dim)
        if (matrix := matrix_of(self._mapped, *shape, entry.sha256)) is not None:
            return matrix
        warnings.warn(
            f"{self.folder / entry.name} is missing or damaged; its vectors are taken from the database.",
            IndexNotice,
            stacklevel=2,
        )
        if read_manifest(self.folder) == manifest:  # nobody needs the file of a state that is gone
            with suppress(OSError):  # a folder that cannot be written to still answers
                self.write_matrix()
        return np.concatenate([np.empty((0, manifest.dim), np.float16), *self.store.vectors()]).astype(np.float32)


def open_generation(folder: Path) -> Generation | None:
    """The committed state of the index in `folder`; None where nothing was ever committed.

    Raises:
        IndexVersionError: another version wrote it.
        IndexDamagedError: it is not what was written.
        OSError: it cannot be read.
    """
    manifest = read_manifest(folder)
    while manifest is not None:
        try:
            return Generation(folder, manifest)
        except FileNotFoundError:
            # A writer may have committed, and removed these files, since the manifest was read.
            newer = read_manifest(folder)
            if newer is None or newer == manifest:
                raise damaged(folder, manifest, "is missing") from None
            manifest = newer
    return None


def check_database(path: Path, manifest: Manifest, folder: Path) -> None:
    """Raises: IndexDamagedError: the file at `path` is not the database of `manifest`.

    The whole file is read: 1.5 GB/s here, 0.1 s for an index of 50,000 chunks. SQLite itself notices damage to its own
    structures at best, and none to texts, words and vectors.
    """
    entry = manifest.database
    if path.stat().st_size != entry.size_bytes or sha256_file(path) != entry.sha256:
        raise damaged(folder, manifest, "is not what was written")


def damaged(folder: Path, manifest: Manifest, what: str) -> IndexDamagedError:
    """The error for a database that cannot be used."""
    return IndexDamagedError(
        f"{folder / manifest.database.name} {what}: the index is damaged. Remove it and read the documents anew: "
        f"appkit index rm {manifest.folder}, then appkit index sync {manifest.folder}.",
        folder,
    )
