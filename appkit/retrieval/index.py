"""`DocumentIndex`: a folder of documents as something to search.

    with DocumentIndex.open(path, create=True) as index:
        index.sync("~/notes")

How it lies on disk, and why a crash cannot hurt it, is in `manifest.py`.
"""

import hashlib
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import numpy as np

from appkit.errors import RetrievalError
from appkit.llm.base import Embedder
from appkit.retrieval.documents import Chunk, Document
from appkit.retrieval.draft import ChunkSize, Draft
from appkit.retrieval.embedder_slot import EmbedderSlot
from appkit.retrieval.embedders import (
    EmbedderIdentity,
    choose_embedder,
    chunk_tokens,
    close_embedder,
    embed_checked,
    identify,
    open_embedder,
)
from appkit.retrieval.folder_diff import FolderDiff, compare_folder
from appkit.retrieval.generation import open_generation
from appkit.retrieval.manifest import MANIFEST, UNFINISHED, is_index_or_empty, read_manifest, remove_leftovers
from appkit.retrieval.report import DocumentInfo, IndexStats, SyncProgress, SyncReport
from appkit.retrieval.store import Store
from appkit.retrieval.sync import (
    Counts,
    ReadFiles,
    embed_chunks,
    is_as_before,
    nothing_known,
    read_files,
    split_documents,
    vectors_by_text,
)
from appkit.retrieval.verify import repair_generation, verify_generation
from appkit.retrieval.writing import locked, storage_errors
from runtime.files import data_dir

_OVERLAP_SHARE = 8  # one part in so many of a chunk is said again by the next


def default_index_path(folder: Path | str) -> Path:
    """Where the index of `folder` lies unless somebody chose another place: below the data folder, by name and path."""
    absolute = _resolved(folder)
    slug = re.sub(r"[^a-z0-9]+", "-", absolute.name.lower()).strip("-")[:40] or "index"
    return data_dir() / "indexes" / f"{slug}-{hashlib.sha256(os.fsencode(absolute)).hexdigest()[:8]}"


def remove_index(path: Path | str, *, lock_timeout_s: float = 10.0) -> None:
    """Remove the index in the folder `path`, and that folder; without effect where it is not there.

    Raises:
        RetrievalError: the folder holds other files than an index; nothing was removed.
        IndexLockedError: another process writes to it.
    """
    folder = _resolved(path)
    if not folder.exists():
        return
    if not is_index_or_empty(folder):
        raise RetrievalError(f"{folder} holds other files than an index; remove it by hand if that is what you mean.")
    with storage_errors(folder, "removed"), locked(folder, lock_timeout_s):
        (folder / MANIFEST).unlink(missing_ok=True)  # first: without it there is no index
        shutil.rmtree(folder)


class DocumentIndex:
    """An index. Owns its open files, and its embedder where it opened that itself.

    What it reads is the state that was committed when it was opened, or that its own last change made; `refresh` takes
    up what other processes committed since. Threads may share it for reading.
    """

    def __init__(self, path: Path, embedder: Embedder | str | None) -> None:
        """Use `open`."""
        self.path = path
        self._slot = EmbedderSlot(embedder)
        self._write_lock = threading.RLock()
        self._generation = open_generation(path)

    @classmethod
    def open(cls, path: Path | str, *, embedder: Embedder | str | None = None, create: bool = False) -> "DocumentIndex":
        """Open the index in the folder `path`.

        Args:
            embedder: open already, which stays its owner's, or a catalog name or file. None leaves it to the index: the
                one it was made with, or for a new one what suits its language.
            create: where there is no index, begin with an empty one; it is written by the first `sync`.

        Raises:
            RetrievalError: there is no index, or something else is in that folder.
            EmbedderMismatchError: the index was made with another embedder.
            IndexVersionError: another version of appkit wrote it.
            IndexDamagedError: it is not what was written.
        """
        folder = _resolved(path)
        with storage_errors(folder, "read"):
            index = cls(folder, embedder)
            if index._generation is None:
                if not create:
                    raise RetrievalError(f"There is no index in {folder}; make one: appkit index sync FOLDER.")
                if not is_index_or_empty(folder):
                    raise RetrievalError(f"{folder} holds other files than an index; choose an empty place for it.")
            try:
                index._slot.check_given(index._identity)
            except BaseException:
                index.close()
                raise
        return index

    # --- what it holds

    @property
    def embedder_name(self) -> str:
        """Name of the embedder that made the vectors, "" before the first document."""
        return self._generation.manifest.embedder_name if self._generation is not None else ""

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages of the documents, as `guess_language` names them, in alphabetical order."""
        return tuple(self._generation.manifest.languages) if self._generation is not None else ()

    @property
    def folder(self) -> Path | None:
        """The folder that the index mirrors, None before the first sync."""
        return Path(self._generation.manifest.folder) if self._generation is not None else None

    @property
    def generation(self) -> int:
        """Number of the state that is read; 0 before the first sync."""
        return self._generation.manifest.generation if self._generation is not None else 0

    def stats(self) -> IndexStats:
        """Counts and sizes."""
        now = self._generation
        if now is None:
            return IndexStats(
                path=self.path, folder=None, generation=0, num_documents=0, num_chunks=0, num_chars=0, languages={},
                skipped=(), embedder_name="", dim=0, max_tokens=0, overlap_tokens=0, vector_search="exact",
                size_bytes=0,
            )  # fmt: skip
        manifest = now.manifest
        return IndexStats(
            path=self.path,
            folder=Path(manifest.folder),
            generation=manifest.generation,
            num_documents=manifest.num_documents,
            num_chunks=manifest.num_chunks,
            num_chars=manifest.num_chars,
            languages=manifest.languages,
            skipped=tuple(file for _, _, file in now.store.skipped().values()),
            embedder_name=manifest.embedder_name,
            dim=manifest.dim,
            max_tokens=manifest.max_tokens,
            overlap_tokens=manifest.overlap_tokens,
            vector_search="exact" if manifest.hnsw is None else "hnsw",
            size_bytes=sum(file.size_bytes for file in manifest.files),
        )

    def documents(self) -> list[DocumentInfo]:
        """Every document, by source."""
        return self._generation.store.documents() if self._generation is not None else []

    def document(self, source: str) -> Document:
        """A document whole. Raises: RetrievalError: there is none of that source."""
        store, document_id = self._find(source)
        return store.document(document_id)

    def document_text(self, source: str) -> str:
        """A document's text. Raises: RetrievalError: there is none of that source."""
        store, document_id = self._find(source)
        return store.text(document_id)

    def chunks_of(self, source: str) -> list[Chunk]:
        """A document's chunks in order. Raises: RetrievalError: there is none of that source."""
        store, document_id = self._find(source)
        return store.chunks_of(document_id)

    # --- search, in its parts

    def keyword_search(
        self, words: Sequence[str], limit: int, allowed: np.ndarray | None = None
    ) -> list[tuple[int, float]]:
        """Chunks with any of `words`: (chunk id, BM25), best first.

        Args:
            words: as `search_words` cuts a query.
            allowed: chunk ids, the only ones to find; None for all.
        """
        return self._generation.store.keyword_search(words, limit, allowed) if self._generation is not None else []

    def vector_search(
        self, vector: np.ndarray, limit: int, allowed: np.ndarray | None = None
    ) -> list[tuple[int, float]]:
        """Chunks most like `vector`, [dim] of length 1: (chunk id, cosine), best first."""
        if self._generation is None or not self._generation.manifest.num_chunks or limit <= 0:
            return []
        query = np.ascontiguousarray(vector, np.float32)
        if query.shape != (self._generation.manifest.dim,):
            raise ValueError(f"a query vector here has shape ({self._generation.manifest.dim},), not {query.shape}.")
        return self._generation.vector_search(query, limit, allowed)

    def vectors_of(self, chunk_ids: Sequence[int]) -> np.ndarray:
        """[n, dim] float32 for the ids given. Raises: ValueError: the index has no such chunk."""
        now = self._generation
        ids = np.asarray(chunk_ids, np.int64)
        rows = now.rows_of(ids) if now is not None else ids[:0]
        if len(rows) != len(ids):
            raise ValueError(f"Some of the chunks {ids.tolist()[:20]} are not in the index in {self.path}.")
        return now.matrix[rows] if now is not None else np.empty((0, 0), np.float32)

    def chunks(self, chunk_ids: Sequence[int]) -> dict[int, Chunk]:
        """Chunks by id, those that exist, in the order asked for."""
        return self._generation.store.chunks(chunk_ids) if self._generation is not None else {}

    def chunk_ids_where(self, condition: str, parameters: Sequence[str | int | float] = ()) -> np.ndarray:
        """[n] int64, ascending: chunks for which an SQL condition over `chunks` and `documents` holds.

        `condition` is SQL: never what a user typed, which goes into `parameters`.
        """
        if self._generation is None:
            return np.empty(0, np.int64)
        return self._generation.store.chunk_ids_where(condition, parameters)

    def embed_query(self, text: str) -> np.ndarray:
        """[dim] float32: `text` as the index's embedder sees a query.

        Raises:
            EmbedderMismatchError: the embedder opened for the index is not the one it was made with.
            runtime.errors.CatalogError: that embedder is not pulled.
        """
        embedder, _ = self._open_embedder()
        vector: np.ndarray = embed_checked(embedder, [text], "query")[0]
        return vector

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """[n, dim] float32: `texts` as the index's embedder sees documents. Errors are those of `embed_query`."""
        embedder, _ = self._open_embedder()
        return embed_checked(embedder, texts, "document")

    # --- changes

    def refresh(self) -> bool:
        """Take up what other processes committed; True if there was something."""
        with self._write_lock, storage_errors(self.path, "read"):
            manifest = read_manifest(self.path)
            if manifest == (self._generation.manifest if self._generation is not None else None):
                return False
            self._take_up()
            return True

    def sync(
        self,
        folder: Path | str,
        *,
        dry_run: bool = False,
        progress: SyncProgress | None = None,
        lock_timeout_s: float = 10.0,
    ) -> SyncReport:
        """Bring the index in line with `folder`: all of it in one step, or nothing.

        A sync that is cut short, by whatever, leaves the index as it was; the next one does not compute again what
        this one embedded. Readers see the state before until the end.

        Args:
            dry_run: only say what would change.
            progress: called with (files done, files in all, chunks done, chunks in all).
            lock_timeout_s: how long to wait for another writer.

        Raises:
            RetrievalError: `folder` is none, the index is that of another folder, or the disk refused a write.
            IndexLockedError: another process writes.
            EmbedderMismatchError: the embedder opened for the index is not the one it was made with.
        """
        start = time.monotonic()
        source = _resolved(folder)
        if not source.is_dir():
            raise RetrievalError(f"{source} is not a folder; give the one that holds the documents.")
        if dry_run:
            self.refresh()
            self._check_folder(source)
            return self._report(self._compare(source), start, dry_run=True)
        with self._writing(lock_timeout_s):
            self._check_folder(source)
            diff = self._compare(source)
            if diff.is_empty and self.folder == source:
                return self._report(diff, start)
            with self._draft() as draft:
                counts = Counts(progress)
                read = read_files(draft, diff, counts)
                if self.folder != source or not is_as_before(diff, read, self._generation):
                    self._finish(draft, source, draft.documents_without_chunks(), counts)
            return self._report(diff, start, read=read)

    def remove(self, sources: Sequence[str], *, lock_timeout_s: float = 10.0) -> tuple[str, ...]:
        """Take documents out, in one step; their sources. The next sync adds those again that are still in the folder.

        Raises:
            RetrievalError: one of them is not in the index; nothing was changed.
            IndexLockedError: another process writes.
        """
        if isinstance(sources, str):
            raise TypeError(f"remove takes a list of sources; give [{sources!r}] for one.")
        with self._writing(lock_timeout_s):
            for source in sources:
                self._find(source)
            if not sources:
                return ()
            assert self.folder is not None
            with self._draft() as draft:
                for source in sources:
                    draft.delete_document(source)
                self._finish(draft, self.folder, [], Counts(None))
            return tuple(dict.fromkeys(sources))

    def rebuild(
        self,
        embedder: Embedder | str,
        *,
        progress: SyncProgress | None = None,
        lock_timeout_s: float = 10.0,
    ) -> None:
        """Split and embed every document anew, for another embedder. The vectors of before serve until the end.

        Args:
            embedder: open already, which stays its owner's, or a catalog name or file. The index uses it from here on.

        Raises:
            RetrievalError: there is nothing to rebuild yet.
            IndexLockedError: another process writes.
        """
        with self._writing(lock_timeout_s):
            if self.folder is None:
                raise RetrievalError(f"There is no index in {self.path} yet; make one: appkit index sync FOLDER.")
            opened = open_embedder(embedder) if isinstance(embedder, str) else embedder
            try:
                identity = identify(opened)
                with self._draft() as draft:
                    ids = [row[0] for row in draft.store.rows("SELECT document_id FROM documents ORDER BY document_id")]
                    for document_id in ids:
                        draft.delete_chunks(document_id)
                    self._finish(draft, self.folder, ids, Counts(progress), new=(opened, identity))
            except BaseException:
                if opened is not embedder:
                    close_embedder(opened)
                raise
            self._slot.replace(embedder, opened, identity)

    # --- health

    def verify(self) -> list[str]:
        """What is wrong with the index, a sentence each; empty where all is well. Reads every byte of it."""
        return verify_generation(self._generation) if self._generation is not None else []

    def repair(self, *, lock_timeout_s: float = 10.0) -> None:
        """Make anew what is derived from the database, and remove what interrupted writers left.

        Raises:
            IndexLockedError: another process writes.
        """
        with self._writing(lock_timeout_s):
            if self._generation is not None:
                repair_generation(self._generation)
            self._take_up()

    def close(self) -> None:
        """Close the files, and the embedder where the index opened it. Twice is harmless."""
        with self._write_lock:
            if self._generation is not None:
                self._generation.close()
            self._slot.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # --- helpers

    def _find(self, source: str) -> tuple[Store, int]:
        store = self._generation.store if self._generation is not None else None
        document_id = store.document_id(source) if store is not None else None
        if store is None or document_id is None:
            raise RetrievalError(f"The index in {self.path} has no document {source!r}.")
        return store, document_id

    def _take_up(self) -> None:
        """Read the committed state from here on."""
        self._generation = open_generation(self.path)  # whoever still reads the one before keeps it open

    @contextmanager
    def _writing(self, timeout_s: float) -> Iterator[None]:
        """The lock of the one writer; inside it, the state is the committed one."""
        self.path.mkdir(parents=True, exist_ok=True)
        with self._write_lock, storage_errors(self.path, "written"), locked(self.path, timeout_s):
            self.refresh()
            remove_leftovers(self.path, self._generation.manifest if self._generation is not None else None)
            yield

    def _draft(self) -> Draft:
        return Draft(self.path, self._generation.manifest if self._generation is not None else None)

    def _finish(
        self,
        draft: Draft,
        folder: Path,
        to_split: Sequence[int],
        counts: Counts,
        new: tuple[Embedder, EmbedderIdentity] | None = None,
    ) -> None:
        """Split, embed and commit. `new` replaces the index's embedder."""
        now = self._generation
        manifest = now.manifest if now is not None else None
        name, dim = (manifest.embedder_name, manifest.dim) if manifest is not None else ("", 0)
        size = ChunkSize(manifest.max_tokens, manifest.overlap_tokens) if manifest is not None else ChunkSize(0, 0)
        unfinished = None
        if to_split or new is not None:
            embedder, identity = new if new is not None else self._open_embedder(draft)
            is_first = new is not None or self._identity is None
            if is_first:
                name, dim = identity.name, identity.dim
                size = ChunkSize(chunk_tokens(embedder), chunk_tokens(embedder) // _OVERLAP_SHARE)
                draft.put_embedder(identity)
            split_documents(draft, to_split, embedder, size)
            known = nothing_known if is_first or now is None else vectors_by_text(now)
            unfinished = embed_chunks(draft, embedder, identity, known, self.path / UNFINISHED, counts)
        draft.commit(folder=folder, embedder_name=name, dim=dim, size=size)
        if unfinished is not None:
            unfinished.remove()
        self._take_up()
        remove_leftovers(self.path, self._generation.manifest if self._generation is not None else None)

    def _compare(self, folder: Path) -> FolderDiff:
        store = self._generation.store if self._generation is not None else None
        return compare_folder(folder, *((store.files(), store.skipped()) if store is not None else ({}, {})))

    def _check_folder(self, folder: Path) -> None:
        """One index, one folder: syncing another would take out every document. One that moved is still the same."""
        if self.folder is not None and self.folder != folder and self.folder.is_dir():
            raise RetrievalError(
                f"The index in {self.path} is that of {self.folder}; give {folder} an index of its own, elsewhere."
            )

    def _report(
        self, diff: FolderDiff, start: float, *, read: ReadFiles | None = None, dry_run: bool = False
    ) -> SyncReport:
        manifest = self._generation.manifest if self._generation is not None else None
        skipped = [*diff.skipped, *(read.skipped if read is not None else ())]
        return SyncReport(
            added=read.added if read is not None else tuple(found.source for found in diff.added),
            updated=read.updated if read is not None else tuple(found.source for found in diff.updated),
            deleted=tuple(sorted([*diff.deleted, *(read.lost if read is not None else ())])),
            unchanged=diff.unchanged,
            skipped=tuple(sorted(skipped, key=lambda file: file.source)),
            num_documents=manifest.num_documents if manifest is not None else 0,
            num_chunks=manifest.num_chunks if manifest is not None else 0,
            seconds=time.monotonic() - start,
            dry_run=dry_run,
        )

    def _open_embedder(self, draft: Draft | None = None) -> tuple[Embedder, EmbedderIdentity]:
        """The embedder, checked against the index, and its identity."""

        def choose() -> str:
            if draft is None:
                raise RetrievalError(f"The index in {self.path} has no documents yet; sync a folder first.")
            return choose_embedder(draft.store.texts())

        return self._slot.get(self._identity, choose)

    @property
    def _identity(self) -> EmbedderIdentity | None:
        return self._generation.identity if self._generation is not None else None


def _resolved(path: Path | str) -> Path:
    return Path(path).expanduser().resolve()
