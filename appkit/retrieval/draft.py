"""`Draft`: the next generation while it is written.

A copy of the database changed in place, and what is derived from it. Nobody sees it before `commit`; until then
nothing but files with names of their own appears in the index's folder. So the database needs no journal and no forcing
to disk along the way: a draft that is not finished is worth nothing.
"""

import hashlib
import json
import secrets
import shutil
import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from appkit.errors import IndexLockedError
from appkit.retrieval.documents import Chunk, Document, SkippedFile
from appkit.retrieval.embedders import EmbedderIdentity
from appkit.retrieval.hnsw import HNSW_ABOVE, Graph, grow_graph, has_faiss, open_if_there
from appkit.retrieval.manifest import Manifest, generation_id, put_in_place, read_manifest, write_manifest
from appkit.retrieval.schema import SCHEMA, TEXT_PART_CHARS, join_words
from appkit.retrieval.store import Store
from appkit.retrieval.vectors import map_file, matrix_of, write_vectors
from runtime.files import sha256_file, sync_folder


@dataclass(frozen=True)
class ChunkSize:
    """How documents were cut: in tokens of the embedder."""

    max_tokens: int
    overlap_tokens: int


class Draft:
    """Owns its files until `commit`; a context manager that removes them where that did not come."""

    def __init__(self, folder: Path, base: Manifest | None) -> None:
        """Args: base: the generation to start from; the caller holds the index's lock."""
        self._folder = folder
        self._base = base
        self._has_deleted_words = False
        token = secrets.token_hex(8)
        self._database, self._vectors, self._hnsw = (
            folder / f"draft-{token}.{suffix}" for suffix in ("sqlite", "f32", "faiss")
        )
        if base is not None:
            shutil.copyfile(folder / base.database.name, self._database)
        self._connection = sqlite3.connect(self._database, isolation_level=None, check_same_thread=False)
        try:
            # secure_delete: what was taken out of an index must not be readable in its file.
            for pragma in ("journal_mode = OFF", "synchronous = OFF", "secure_delete = ON", "cache_size = -32000"):
                self._connection.execute(f"PRAGMA {pragma}")
            if base is None:
                self._connection.executescript(SCHEMA)
            self._connection.execute("BEGIN")
        except BaseException:
            self.discard()
            raise
        self.store = Store(self._database, connection=self._connection)

    # --- documents

    def put_document(self, document: Document, *, size_bytes: int, mtime_ns: int, language: str) -> None:
        """Add a document without chunks, in place of one with its source."""
        self.delete_document(document.source)
        values = {
            "source": document.source,
            "sha256": document.sha256,
            "size_bytes": size_bytes,
            "mtime_ns": mtime_ns,
            "title": document.title,
            "media_type": document.media_type,
            "language": language,
            "metadata": _to_json(dict(document.metadata)),
            "pages": _to_json([[page.page_number, page.start, page.end] for page in document.pages]),
            "sections": _to_json([[s.title, s.level, s.start, s.end] for s in document.sections]),
            "num_chars": len(document.text),
            "text_sha256": text_sha256(document.text),
        }
        document_id = self._insert("documents", values)
        parts = range(0, len(document.text), TEXT_PART_CHARS)
        self._connection.executemany(
            "INSERT INTO texts VALUES (?, ?, ?)",
            ((document_id, n, document.text[start : start + TEXT_PART_CHARS]) for n, start in enumerate(parts)),
        )

    def touch_document(self, source: str, *, size_bytes: int, mtime_ns: int) -> None:
        """The file has a new modification time, and the same bytes."""
        self._connection.execute(
            "UPDATE documents SET size_bytes = ?, mtime_ns = ? WHERE source = ?", (size_bytes, mtime_ns, source)
        )

    def delete_document(self, source: str) -> None:
        """Take a document out with all that hangs on it; without effect where there is none."""
        document_id = self.store.document_id(source)
        if document_id is None:
            return
        self.delete_chunks(document_id)
        self._connection.execute("DELETE FROM texts WHERE document_id = ?", (document_id,))
        self._connection.execute("DELETE FROM documents WHERE document_id = ?", (document_id,))

    def put_skipped(self, file: SkippedFile, *, size_bytes: int, mtime_ns: int) -> None:
        """Remember that a file was tried in vain."""
        self._connection.execute(
            "INSERT OR REPLACE INTO skipped VALUES (?, ?, ?, ?, ?)",
            (file.source, size_bytes, mtime_ns, file.reason, file.detail),
        )

    def delete_skipped(self, source: str) -> None:
        """Forget that a file was tried in vain."""
        self._connection.execute("DELETE FROM skipped WHERE source = ?", (source,))

    def documents_without_chunks(self) -> list[int]:
        """Ids of documents that are to be split."""
        rows = self.store.rows(
            "SELECT document_id FROM documents WHERE NOT EXISTS"
            " (SELECT 1 FROM chunks WHERE chunks.document_id = documents.document_id) ORDER BY document_id"
        )
        return [row[0] for row in rows]

    # --- chunks

    def put_chunks(self, document_id: int, chunks: Sequence[Chunk], words: Sequence[Sequence[str]]) -> None:
        """Add a document's chunks, without vectors, and the words to find them by."""
        for chunk, chunk_words in zip(chunks, words, strict=True):
            values = {
                "document_id": document_id,
                "start": chunk.start,
                '"end"': chunk.end,
                "page_number": chunk.page_number,
                "section_path": _to_json(list(chunk.section_path)),
                "text_sha256": text_sha256(chunk.text),
            }
            chunk_id = self._insert("chunks", values)
            joined = join_words(list(chunk_words))
            packed = zlib.compress(joined.encode())
            self._connection.execute("INSERT INTO chunk_data VALUES (?, ?, NULL)", (chunk_id, packed))
            self._connection.execute("INSERT INTO chunk_words (rowid, words) VALUES (?, ?)", (chunk_id, joined))

    def delete_chunks(self, document_id: int) -> None:
        """Take a document's chunks out."""
        rows = self.store.rows(
            "SELECT chunk_id, words FROM chunk_data JOIN chunks USING (chunk_id) WHERE document_id = ?", (document_id,)
        )
        for chunk_id, packed in rows:
            words = zlib.decompress(packed).decode()
            # Exactly the words that went in: FTS5 keeps no copy to find them by.
            self._connection.execute(
                "INSERT INTO chunk_words (chunk_words, rowid, words) VALUES ('delete', ?, ?)", (chunk_id, words)
            )
            self._connection.execute("DELETE FROM chunk_data WHERE chunk_id = ?", (chunk_id,))
            self._has_deleted_words = True
        self._connection.execute("DELETE FROM chunks WHERE document_id = ?", (document_id,))

    def chunks_without_vector(self) -> list[tuple[int, bytes]]:
        """Ids of chunks that are to be embedded, with the digests of their texts."""
        return self.store.rows(
            "SELECT chunk_id, text_sha256 FROM chunks JOIN chunk_data USING (chunk_id) WHERE vector IS NULL"
            " ORDER BY chunk_id"
        )

    def put_vectors(self, chunk_ids: Sequence[int], vectors: np.ndarray | Sequence[np.ndarray]) -> None:
        """Give chunks their vectors, [n, dim]."""
        self._connection.executemany(
            "UPDATE chunk_data SET vector = ? WHERE chunk_id = ?",
            ((np.asarray(v, "<f2").tobytes(), chunk_id) for chunk_id, v in zip(chunk_ids, vectors, strict=True)),
        )

    def put_embedder(self, identity: EmbedderIdentity) -> None:
        """Say whose vectors these are."""
        self._connection.execute(
            "INSERT OR REPLACE INTO meta VALUES ('probes', ?)", (identity.probes.astype("<f4").tobytes(),)
        )

    # --- the end

    def commit(self, *, folder: Path, embedder_name: str, dim: int, size: ChunkSize) -> Manifest:
        """Make this the index's generation; the manifest of it.

        Raises:
            IndexLockedError: another writer committed meanwhile, which the lock should have kept out.
            OSError, sqlite3.Error: it could not be written; the index is as it was.
        """
        num_chunks = self.store.rows("SELECT count(*) FROM chunks")[0][0]
        num_documents, num_chars = self.store.rows("SELECT count(*), ifnull(sum(num_chars), 0) FROM documents")[0]
        languages = Counter(row[0] for row in self.store.rows("SELECT language FROM documents"))
        with self._vectors.open("wb") as file:
            vectors_sha256 = write_vectors(file, self.store.vectors(), num_chunks, dim)
        if self._has_deleted_words:  # until its parts are merged, FTS5 keeps deleted words, and notes that they are
            self._connection.execute("INSERT INTO chunk_words (chunk_words) VALUES ('optimize')")
        hnsw_sha256 = self._write_graph(num_chunks, dim, vectors_sha256)
        self._connection.execute("COMMIT")
        self._connection.close()
        database_sha256 = sha256_file(self._database)
        generation = (self._base.generation if self._base is not None else 0) + 1
        name = generation_id(generation, database_sha256)
        manifest = Manifest(
            generation=generation,
            folder=str(folder),
            embedder_name=embedder_name,
            dim=dim,
            max_tokens=size.max_tokens,
            overlap_tokens=size.overlap_tokens,
            num_documents=num_documents,
            num_chunks=num_chunks,
            num_chars=num_chars,
            languages=dict(sorted(languages.items())),
            database=put_in_place(self._database, f"index-{name}.sqlite", database_sha256),
            vectors=put_in_place(self._vectors, f"vectors-{name}.f32", vectors_sha256),
            hnsw=put_in_place(self._hnsw, f"hnsw-{name}.faiss", hnsw_sha256) if hnsw_sha256 is not None else None,
        )
        sync_folder(self._folder)
        if read_manifest(self._folder) != self._base:
            raise IndexLockedError(
                f"{self._folder} was changed by another process while this one wrote: file locks do not work there. "
                "Keep the index on a local disk.",
                self._folder,
                None,
            )
        write_manifest(self._folder, manifest)
        return manifest

    def _write_graph(self, num_chunks: int, dim: int, vectors_sha256: str) -> str | None:
        """The digest of the graph's file; None where the index needs none or there is no faiss to make it."""
        if num_chunks <= HNSW_ABOVE or not has_faiss():
            return None
        matrix = matrix_of(map_file(self._vectors), num_chunks, dim, vectors_sha256)
        assert matrix is not None, f"{self._vectors} was written and is not whole"
        entry = self._base.hnsw if self._base is not None and self._base.dim == dim else None
        before = None
        if entry is not None and (file := open_if_there(self._folder / entry.name)) is not None:
            with file:
                before = Graph.load(file, entry.sha256, dim)
        grow_graph(before, self.store.chunk_ids(), matrix).save(self._hnsw)
        return sha256_file(self._hnsw)

    def discard(self) -> None:
        """Remove what was not committed. Twice is harmless."""
        self._connection.close()
        for path in (self._database, self._vectors, self._hnsw):
            path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.discard()

    def _insert(self, table: str, values: Mapping[str, Any]) -> int:
        """Id of the new row. Table and column names are this file's own."""
        sql = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})"  # noqa: S608
        row_id = self._connection.execute(sql, tuple(values.values())).lastrowid
        assert row_id is not None
        return row_id


def text_sha256(text: str) -> bytes:
    """Digest by which equal texts are found."""
    return hashlib.sha256(text.encode()).digest()


def _to_json(value: Any) -> str:
    """JSON in ASCII, so that any text survives. Raises: ValueError: a number is not finite."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def batched(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """Runs of up to `size` items."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
