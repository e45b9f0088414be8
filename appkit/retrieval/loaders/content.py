"""What a reader makes of a file's bytes: text, and what lies where in it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from appkit.retrieval.documents import PageSpan, Scalar, Section
from appkit.retrieval.loaders.characters import clean
from appkit.retrieval.loaders.errors import UnusableContentError

MAX_TEXT_BYTES = 64 << 20  # of one document, in UTF-8
MAX_TITLE_CHARS = 300
MAX_METADATA_CHARS = 1000


@dataclass(frozen=True, kw_only=True)
class Heading:
    """Where a section begins."""

    title: str
    level: int
    start: int


@dataclass(frozen=True, kw_only=True)
class Content:
    """A file's content, without what only its place in a folder says."""

    text: str
    title: str = ""  # as the content says; empty where it says nothing
    pages: tuple[PageSpan, ...] = ()
    sections: tuple[Section, ...] = ()
    metadata: dict[str, Scalar] = field(default_factory=dict)


class TextBuilder:
    """Text in the making: grows piece by piece, clean and bounded, and knows where it is."""

    def __init__(self, max_bytes: int = MAX_TEXT_BYTES) -> None:
        self._pieces: list[str] = []
        self._room_bytes = self._max_bytes = max_bytes
        self._num_trailing_breaks = 0
        self.length = 0  # characters so far
        self.num_removed = 0  # invisible characters
        self.headings: list[Heading] = []

    def add(self, text: str) -> None:
        """Append `text`, cleaned.

        Raises:
            UnusableContentError: "too large".
        """
        text, num_removed = clean(text)
        self.num_removed += num_removed
        if not text:
            return
        self._room_bytes -= len(text) if text.isascii() else len(text.encode())
        if self._room_bytes < 0:
            raise UnusableContentError(
                "too large", f"It holds more than {self._max_bytes >> 20} MiB of text; split it into several files."
            )
        self._pieces.append(text)
        self.length += len(text)
        stripped = text.rstrip("\n")
        breaks = len(text) - len(stripped)
        self._num_trailing_breaks = breaks if stripped else self._num_trailing_breaks + breaks

    def end_line(self, num_breaks: int = 1) -> None:
        """See that at least `num_breaks` line breaks end the text so far; an empty text needs none."""
        if self.length > self._num_trailing_breaks:
            self.add("\n" * (num_breaks - self._num_trailing_breaks))

    @property
    def is_at_line_start(self) -> bool:
        """Whether the next character begins a line."""
        return not self.length or self._num_trailing_breaks > 0

    def add_heading(self, title: str, level: int) -> None:
        """A section begins here. Does not add the title's text."""
        self.headings.append(Heading(title=title, level=level, start=self.length))

    def text(self) -> str:
        """All of it."""
        return "".join(self._pieces)

    def content(
        self, *, title: str = "", pages: Sequence[PageSpan] = (), metadata: dict[str, Scalar] | None = None
    ) -> Content:
        """The finished content."""
        text = self.text()
        return Content(
            text=text,
            title=short(title, MAX_TITLE_CHARS),
            pages=tuple(pages),
            sections=sections_of(self.headings, len(text)),
            metadata=with_removed(metadata or {}, self.num_removed),
        )


def sections_of(headings: Sequence[Heading], text_len: int) -> tuple[Section, ...]:
    """Sections under headings in order of start: each reaches to the next heading of its level or above."""
    sections: list[Section | None] = [None] * len(headings)
    open_idxs: list[int] = []

    def close(down_to_level: int, end: int) -> None:
        while open_idxs and headings[open_idxs[-1]].level >= down_to_level:
            idx = open_idxs.pop()
            heading = headings[idx]
            sections[idx] = Section(
                title=short(heading.title, MAX_TITLE_CHARS), level=heading.level, start=heading.start, end=end
            )

    for idx, heading in enumerate(headings):
        close(heading.level, heading.start)
        open_idxs.append(idx)
    close(0, text_len)
    return tuple(section for section in sections if section is not None and section.title)


def with_removed(metadata: dict[str, Scalar], num_removed: int) -> dict[str, Scalar]:
    """`metadata` that also counts these invisible characters as removed, if there are any."""
    total = int(metadata.get("removed_invisible", 0)) + num_removed
    return metadata | {"removed_invisible": total} if total else metadata


def short(text: str, max_chars: int) -> str:
    """`text` on one line, cleaned, cut to a length."""
    return " ".join(clean(text[: 4 * max_chars])[0].split())[:max_chars]


def text_metadata(given: dict[str, object]) -> dict[str, Scalar]:
    """Those of `given` that say something, as text of one line."""
    texts = {name: short(str(value), MAX_METADATA_CHARS) for name, value in given.items() if value is not None}
    return {name: text for name, text in texts.items() if text}
