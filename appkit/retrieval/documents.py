"""What retrieval is about: files that became text, pieces of them, and what a search found.

Offsets count characters of `Document.text`, from 0; a span is `text[start:end]`. They are exact: a chunk's text
and a quote are substrings of the document they name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Scalar = str | int | float | bool
SkipReason = Literal[
    "unsupported", "empty", "binary", "corrupt", "encrypted", "too large", "too slow", "unreadable", "link cycle"
]


@dataclass(frozen=True, kw_only=True)
class PageSpan:
    """One page of a paginated file."""

    page_number: int  # as readers count: the first is 1
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading and everything under it up to the next of its level or above; sections nest."""

    title: str
    level: int  # 1 is the topmost
    start: int  # at the heading itself
    end: int


@dataclass(frozen=True, kw_only=True)
class Document:
    """A file as text."""

    source: str  # path below the synced folder, with "/" on every system
    text: str
    media_type: str  # "text/markdown", "application/pdf", …
    sha256: str  # of the file's bytes
    title: str  # the document's own title, else its file name
    pages: tuple[PageSpan, ...] = ()  # in order; empty where the format has no pages
    sections: tuple[Section, ...] = ()  # in order of start
    metadata: Mapping[str, Scalar] = field(default_factory=dict)  # author, date, … as far as the file says

    def page_number_at(self, offset: int) -> int | None:
        """The page that holds a character, None where there are no pages."""
        return next((page.page_number for page in self.pages if page.start <= offset < page.end), None)

    def section_path_at(self, offset: int) -> tuple[str, ...]:
        """Titles of the sections around a character, outermost first."""
        return tuple(section.title for section in self.sections if section.start <= offset < section.end)


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """A piece of a document, the unit of search. `text` is the document's text from `start` to `end`."""

    source: str
    start: int
    end: int
    text: str
    section_path: tuple[str, ...] = ()
    page_number: int | None = None  # of its first character
    chunk_id: int = 0  # given by the index


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A chunk that a search found, best first. `scores` says what each method thought: "dense", "bm25", "rrf", …"""

    chunk: Chunk
    score: float  # of the method that ordered the list; higher is better
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SkippedFile:
    """A file that did not become a document, and why, in one sentence."""

    source: str
    reason: SkipReason
    detail: str
