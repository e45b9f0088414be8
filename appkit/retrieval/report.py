"""What an index says about itself and about a sync."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from appkit.retrieval.documents import Scalar, SkippedFile

# Called with (files done, files in all, chunks done, chunks in all); chunks in all is 0 until every file was read.
SyncProgress = Callable[[int, int, int, int], None]


@dataclass(frozen=True, kw_only=True)
class SyncReport:
    """How an index was, or with `dry_run` would be, brought in line with its folder. Sources are in their order."""

    added: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    unchanged: int = 0
    skipped: tuple[SkippedFile, ...] = ()  # also those that were skipped before and have not changed since
    num_documents: int = 0  # in the index afterwards
    num_chunks: int = 0
    seconds: float = 0.0
    dry_run: bool = False  # nothing was written; a file that turns out not to be readable still counts as added

    @property
    def is_changed(self) -> bool:
        """True if a document was added, updated or deleted."""
        return bool(self.added or self.updated or self.deleted)


@dataclass(frozen=True, kw_only=True)
class DocumentInfo:
    """A document of an index, without its text."""

    source: str
    title: str
    media_type: str
    language: str
    sha256: str  # of the file's bytes
    size_bytes: int
    num_chars: int
    num_pages: int  # 0 where the format has none
    num_chunks: int
    metadata: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class IndexStats:
    """What an index holds."""

    path: Path
    folder: Path | None  # that it mirrors; None before the first sync
    generation: int  # goes up by one with every change
    num_documents: int
    num_chunks: int
    num_chars: int
    languages: Mapping[str, int]  # documents of each language
    skipped: tuple[SkippedFile, ...]  # files of the folder that did not become documents
    embedder_name: str  # "" before the first sync
    dim: int
    max_tokens: int  # of a chunk, in the embedder's tokens
    overlap_tokens: int
    vector_search: Literal["exact", "hnsw"]
    size_bytes: int  # on disk
