"""Bringing an index in line with its folder: read what is new, split it, embed it, commit.

compare   which files are new, changed, gone                       folder_diff.py
read      each in a child process that may die of it               loaders
split     into chunks that the embedder can read whole             splitters
embed     what no earlier generation or unfinished sync embedded   unfinished.py
commit    all of it, or nothing                                    draft.py
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from appkit.llm.base import Embedder
from appkit.retrieval.documents import Document, SkippedFile
from appkit.retrieval.draft import ChunkSize, Draft, batched
from appkit.retrieval.embedders import EmbedderIdentity, embed_checked, token_counter
from appkit.retrieval.folder_diff import FolderDiff, trusted_mtime
from appkit.retrieval.generation import Generation
from appkit.retrieval.language import guess_language
from appkit.retrieval.loaders import DocumentParser, FoundFile, LoadingError
from appkit.retrieval.report import SyncProgress
from appkit.retrieval.segmentation import search_words
from appkit.retrieval.splitters import split_document
from appkit.retrieval.unfinished import UnfinishedVectors

_TEXTS_A_BATCH = 32

KnownVectors = Callable[[Sequence[bytes]], dict[bytes, np.ndarray]]


@dataclass
class Counts:
    """How far a sync is; tells `progress` after every change."""

    progress: SyncProgress | None
    num_files: int = 0
    files_done: int = 0
    num_chunks: int = 0
    chunks_done: int = 0

    def tell(self) -> None:
        """Call `progress`."""
        if self.progress is not None:
            self.progress(self.files_done, self.num_files, self.chunks_done, self.num_chunks)


@dataclass(frozen=True)
class ReadFiles:
    """What became of the files of a diff."""

    added: tuple[str, ...]
    updated: tuple[str, ...]
    lost: tuple[str, ...]  # were documents, and cannot be read any more
    skipped: tuple[SkippedFile, ...]


def read_files(draft: Draft, diff: FolderDiff, counts: Counts) -> ReadFiles:
    """Put the diff into `draft`, documents without chunks yet."""
    for source in diff.deleted:
        draft.delete_document(source)
    for source in diff.no_longer_skipped:
        draft.delete_skipped(source)
    for found in [*diff.touched, *diff.settled]:
        draft.touch_document(found.source, size_bytes=found.size_bytes, mtime_ns=trusted_mtime(found.mtime_ns))
    counts.num_files = len(diff.added) + len(diff.updated)
    counts.tell()
    added: list[str] = []
    updated: list[str] = []
    lost: list[str] = []
    skipped: list[SkippedFile] = []
    if counts.num_files:
        with DocumentParser() as parser:
            for found in sorted([*diff.added, *diff.updated], key=lambda found: found.source):
                is_known = draft.store.document_id(found.source) is not None
                failed = _read_file(draft, parser, found)
                if failed is None:
                    (updated if is_known else added).append(found.source)
                else:
                    skipped.append(failed)
                    if is_known:
                        lost.append(found.source)
                counts.files_done += 1
                counts.tell()
    return ReadFiles(tuple(added), tuple(updated), tuple(lost), tuple(skipped))


def _read_file(draft: Draft, parser: DocumentParser, found: FoundFile) -> SkippedFile | None:
    """Put one file into `draft`; why not, where it cannot be read."""
    try:
        document = parser.load(found.path, found.source)
        document.text.encode()  # raises where it holds half a character (a lone surrogate), which cannot be stored
        draft.put_document(
            document,
            size_bytes=found.size_bytes,
            mtime_ns=trusted_mtime(found.mtime_ns),
            language=guess_language(document.text),
        )
    except LoadingError as error:
        failed = error.skipped
    except ValueError as error:
        detail = f"Its text or its properties cannot be stored ({error})."
        failed = SkippedFile(source=found.source, reason="corrupt", detail=detail)
    else:
        draft.delete_skipped(found.source)
        return None
    draft.delete_document(found.source)
    draft.put_skipped(failed, size_bytes=found.size_bytes, mtime_ns=found.mtime_ns)
    return failed


def is_as_before(diff: FolderDiff, read: ReadFiles, generation: Generation | None) -> bool:
    """True if all that came of reading is that files which may not be read still may not."""
    if generation is None or read.added or read.updated or read.lost:
        return False
    if diff.touched or diff.deleted or diff.no_longer_skipped:
        return False
    before = generation.store.skipped()
    forbidden = {file.source for file in read.skipped if file.reason == "unreadable"}
    return all(file.source in forbidden & before.keys() and before[file.source][2] == file for file in read.skipped)


def split_documents(draft: Draft, document_ids: Iterable[int], embedder: Embedder, size: ChunkSize) -> None:
    """Give documents their chunks, without vectors."""
    count_tokens = token_counter(embedder)
    for document_id in document_ids:
        document: Document = draft.store.document(document_id)
        chunks = split_document(
            document, max_tokens=size.max_tokens, overlap_tokens=size.overlap_tokens, count_tokens=count_tokens
        )
        draft.put_chunks(document_id, chunks, [search_words(chunk.text) for chunk in chunks])


def embed_chunks(
    draft: Draft, embedder: Embedder, identity: EmbedderIdentity, known: KnownVectors, unfinished: Path, counts: Counts
) -> UnfinishedVectors:
    """Give every chunk of `draft` its vector.

    Args:
        known: vectors of this embedder from before, by digest of the text.
        unfinished: file that keeps new ones until the commit.

    Returns:
        That file, for the caller to remove after the commit.
    """
    waiting = draft.chunks_without_vector()
    counts.num_chunks = len(waiting)
    counts.tell()
    found = known([digest for _, digest in waiting])
    with UnfinishedVectors(unfinished, identity.fingerprint, identity.dim) as kept:
        to_embed: dict[bytes, int] = {}  # digest → a chunk with that text
        for chunk_id, digest in waiting:
            if digest not in found and (vector := kept.get(digest)) is not None:
                found[digest] = vector
            if digest not in found:
                to_embed.setdefault(digest, chunk_id)
        counts.chunks_done = sum(digest in found for _, digest in waiting)
        counts.tell()
        for batch in batched(list(to_embed.items()), _TEXTS_A_BATCH):
            digests, chunk_ids = zip(*batch, strict=True)
            chunks = draft.store.chunks(chunk_ids)
            vectors = embed_checked(embedder, [chunks[chunk_id].text for chunk_id in chunk_ids], "document")
            kept.add(digests, vectors)
            found |= dict(zip(digests, vectors, strict=True))
            counts.chunks_done += len(batch)
            counts.tell()
    draft.put_vectors([chunk_id for chunk_id, _ in waiting], [found[digest] for _, digest in waiting])
    counts.chunks_done = counts.num_chunks
    counts.tell()
    return kept


def vectors_by_text(generation: Generation) -> KnownVectors:
    """Look vectors of an earlier generation up by the digest of their text."""

    def look_up(digests: Sequence[bytes]) -> dict[bytes, np.ndarray]:
        wanted = set(digests)
        rows = generation.store.rows("SELECT text_sha256 FROM chunks ORDER BY chunk_id") if wanted else []
        return {row[0]: generation.matrix[idx] for idx, row in enumerate(rows) if row[0] in wanted}

    return look_up


def nothing_known(digests: Sequence[bytes]) -> dict[bytes, np.ndarray]:
    """No vectors from before."""
    return {}
