"""`Store`: reading one generation's database. Writing the next is `draft.py`; the tables are in `schema.py`.

Sources, offsets and ids that a caller passes only ever become bound parameters.
"""

import json
import sqlite3
import threading
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self, cast
from urllib.parse import quote

import numpy as np

from appkit.retrieval.documents import Chunk, Document, PageSpan, Section, SkippedFile, SkipReason
from appkit.retrieval.report import DocumentInfo
from appkit.retrieval.schema import TEXT_PART_CHARS, join_words

_CHUNK_COLUMNS = 'chunk_id, source, start, "end", section_path, page_number, chunks.document_id'
_IDS_A_QUERY = 900  # SQLite's oldest limit of parameters is 999
_VECTORS_A_BLOCK = 4096
_MANY_MATCHES = 15_000  # scored in some 10 ms
_CANDIDATES = 1000


class Store:
    """A database that nobody changes while it is open. Threads may share it: one at a time gets to read.

    Raises:
        sqlite3.DatabaseError: from any method, where the file is no database of ours.
    """

    def __init__(self, path: Path, *, connection: sqlite3.Connection | None = None) -> None:
        """Args: connection: read through this one instead of opening `path`; its owner closes it."""
        # "immutable": no locks, no journal, works in a folder that cannot be written and on network drives.
        uri = f"file:{quote(str(path))}?mode=ro&immutable=1"
        self._connection = connection or sqlite3.connect(uri, uri=True, check_same_thread=False)
        self._connection.execute("PRAGMA trusted_schema = OFF")
        try:
            self._connection.execute("PRAGMA schema_version")  # SQLite opens the file when it first needs it: now
        except sqlite3.OperationalError:
            self._connection.close()
            path.stat()  # raises FileNotFoundError where a writer has just removed it
            raise
        self._lock = threading.RLock()
        # Closed when the last reader lets go of it: others may read on while the index moves to a newer state.
        self._close = weakref.finalize(self, self._connection.close if connection is None else lambda: None)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Every row of a query."""
        with self._lock:
            return self._connection.execute(sql, parameters).fetchall()

    def meta(self, key: str) -> Any:
        """A value of the table of settings, None where it is not set."""
        found = self.rows("SELECT value FROM meta WHERE key = ?", (key,))
        return found[0][0] if found else None

    # --- documents

    def files(self) -> dict[str, tuple[int, int, str]]:
        """Size, modification time and digest of every document's file, by source."""
        return {row[0]: row[1:] for row in self.rows("SELECT source, size_bytes, mtime_ns, sha256 FROM documents")}

    def skipped(self) -> dict[str, tuple[int, int, SkippedFile]]:
        """Size, modification time and reason of every file that was tried in vain, by source."""
        rows = self.rows("SELECT source, size_bytes, mtime_ns, reason, detail FROM skipped ORDER BY source")
        return {
            source: (size, mtime, SkippedFile(source=source, reason=cast(SkipReason, reason), detail=detail))
            for source, size, mtime, reason, detail in rows
        }

    def documents(self) -> list[DocumentInfo]:
        """Every document, by source."""
        rows = self.rows(
            "SELECT source, title, media_type, language, sha256, size_bytes, num_chars, json_array_length(pages),"
            " (SELECT count(*) FROM chunks WHERE chunks.document_id = documents.document_id), metadata"
            " FROM documents ORDER BY source"
        )
        names = [
            "source",
            "title",
            "media_type",
            "language",
            "sha256",
            "size_bytes",
            "num_chars",
            "num_pages",
            "num_chunks",
        ]
        return [DocumentInfo(**dict(zip(names, row, strict=False)), metadata=json.loads(row[-1])) for row in rows]

    def document_id(self, source: str) -> int | None:
        """None where there is no such document."""
        found = self.rows("SELECT document_id FROM documents WHERE source = ?", (source,))
        return found[0][0] if found else None

    def document(self, document_id: int) -> Document:
        """A document whole, as its loader made it."""
        columns = "source, sha256, title, media_type, metadata, pages, sections"
        row = self.rows(f"SELECT {columns} FROM documents WHERE document_id = ?", (document_id,))[0]  # noqa: S608
        source, sha256, title, media_type, metadata, pages, sections = row
        return Document(
            source=source,
            text=self.text(document_id),
            media_type=media_type,
            sha256=sha256,
            title=title,
            pages=tuple(PageSpan(page_number=n, start=s, end=e) for n, s, e in json.loads(pages)),
            sections=tuple(Section(title=t, level=n, start=s, end=e) for t, n, s, e in json.loads(sections)),
            metadata=json.loads(metadata),
        )

    def text(self, document_id: int, start: int = 0, end: int | None = None) -> str:
        """A document's text from `start` to `end`."""
        first = start // TEXT_PART_CHARS
        last = (end - 1) // TEXT_PART_CHARS if end is not None else 1 << 62
        rows = self.rows(
            "SELECT text FROM texts WHERE document_id = ? AND part BETWEEN ? AND ? ORDER BY part",
            (document_id, first, last),
        )
        offset = first * TEXT_PART_CHARS
        return "".join(row[0] for row in rows)[start - offset : None if end is None else end - offset]

    def texts(self) -> Iterator[str]:
        """The text of every document, one at a time."""
        for (document_id,) in self.rows("SELECT document_id FROM documents ORDER BY document_id"):
            yield self.text(document_id)

    # --- chunks

    def chunk_ids(self) -> np.ndarray:
        """[n] int64, ascending: the order of rows in the matrix of vectors."""
        return _column(self.rows("SELECT chunk_id FROM chunks ORDER BY chunk_id"))

    def chunk_ids_where(self, condition: str, parameters: Sequence[Any]) -> np.ndarray:
        """[n] int64, ascending: chunks for which an SQL condition over `chunks` and `documents` holds."""
        return _column(
            self.rows(
                "SELECT chunks.chunk_id FROM chunks JOIN documents USING (document_id)"  # noqa: S608 - see docstring
                f" WHERE {condition} ORDER BY chunks.chunk_id",
                parameters,
            )
        )

    def chunks(self, chunk_ids: Sequence[int]) -> dict[int, Chunk]:
        """Chunks by id, those that exist, in the order asked for."""
        found: dict[int, Chunk] = {}
        for ids in _batches(chunk_ids):
            found |= {chunk.chunk_id: chunk for chunk in self._chunks(f"chunk_id IN ({_marks(ids)})", ids)}
        return {chunk_id: found[chunk_id] for chunk_id in map(int, chunk_ids) if chunk_id in found}

    def chunks_of(self, document_id: int) -> list[Chunk]:
        """A document's chunks in order."""
        return list(self._chunks("chunks.document_id = ? ORDER BY start, chunk_id", (document_id,)))

    def _chunks(self, condition: str, parameters: Sequence[Any]) -> Iterator[Chunk]:
        sql = f"SELECT {_CHUNK_COLUMNS} FROM chunks JOIN documents USING (document_id) WHERE {condition}"  # noqa: S608
        for chunk_id, source, start, end, section_path, page_number, document_id in self.rows(sql, parameters):
            yield Chunk(
                source=source,
                start=start,
                end=end,
                text=self.text(document_id, start, end),
                section_path=tuple(json.loads(section_path)),
                page_number=page_number,
                chunk_id=chunk_id,
            )

    # --- search

    def keyword_search(
        self, words: Sequence[str], limit: int, allowed: np.ndarray | None = None
    ) -> list[tuple[int, float]]:
        """Chunks with any of `words`, (chunk id, BM25) best first, the lower id first where scores are equal.

        Args:
            words: as `search_words` cuts a query; a word said twice counts once. Where they find many thousands of
                chunks, the thousand that are best by the rarest words alone compete.
            allowed: [n] int64: the only chunks to find.
        """
        phrases = ['"' + word.replace('"', '""') + '"' for word in dict.fromkeys(join_words(words).split(" ")) if word]
        if not phrases or limit <= 0:
            return []
        if self._num_matches(phrases) > _MANY_MATCHES and len(telling := self._telling(phrases)) < len(phrases):
            likely = self._best_matches(telling, max(_CANDIDATES, limit), allowed)
            allowed = np.array([chunk_id for chunk_id, _ in likely], np.int64)
        return self._best_matches(phrases, limit, allowed)

    def _best_matches(self, phrases: list[str], limit: int, allowed: np.ndarray | None) -> list[tuple[int, float]]:
        # bm25() is lower for better ones. The plus keeps SQLite from asking the keyword index for each permitted chunk.
        sql = "SELECT rowid, -bm25(chunk_words) FROM chunk_words WHERE chunk_words MATCH ?"
        parameters: list[str | int] = [" OR ".join(phrases)]
        if allowed is not None:
            sql += " AND +rowid IN (SELECT value FROM json_each(?))"
            parameters.append(json.dumps(allowed.tolist()))
        rows = self.rows(f"{sql} ORDER BY rank, rowid LIMIT ?", [*parameters, limit])
        return [(int(chunk_id), float(score)) for chunk_id, score in rows]

    def _telling(self, phrases: list[str]) -> list[str]:
        """The rarest of the phrases, as many as find `_MANY_MATCHES` chunks between them, and one at least."""
        by_matches = sorted((self._num_matches([phrase]), phrase) for phrase in phrases)
        telling: list[str] = []
        total = 0
        for num_matches, phrase in by_matches:
            total += num_matches
            if telling and total > _MANY_MATCHES:
                break
            telling += [phrase] if num_matches else []
        return telling

    def _num_matches(self, phrases: list[str]) -> int:
        """Chunks with any of the phrases: a millisecond for 40,000 of them, where their scores take 25."""
        sql = "SELECT count(*) FROM chunk_words WHERE chunk_words MATCH ?"
        count: int = self.rows(sql, (" OR ".join(phrases),))[0][0]
        return count

    def vectors(self) -> Iterator[np.ndarray]:
        """Every vector in ascending order of chunk id, in blocks [n, dim] float16."""
        last = -1
        while True:
            rows = self.rows(
                "SELECT chunk_id, vector FROM chunk_data WHERE chunk_id > ? ORDER BY chunk_id LIMIT ?",
                (last, _VECTORS_A_BLOCK),
            )
            if not rows:
                return
            last = rows[-1][0]
            yield np.stack([np.frombuffer(row[1], "<f2") for row in rows])

    def close(self) -> None:
        """Close the file. Twice is harmless."""
        with self._lock:
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _column(rows: list[Any]) -> np.ndarray:
    return np.fromiter((row[0] for row in rows), np.int64, len(rows))


def _batches(ids: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), _IDS_A_QUERY):
        yield [int(chunk_id) for chunk_id in ids[start : start + _IDS_A_QUERY]]


def _marks(values: Sequence[Any]) -> str:
    return ",".join("?" * len(values))
