"""Spans into chunks that know their section and page."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator

from appkit.retrieval.documents import Chunk, Document, Section
from appkit.retrieval.sentences import Span

_LONGEST_HEADING = 1000  # characters of a line that are compared with a title
_NUMBERING = 8  # letters and digits such as "Chapter 12" that a title may leave out


def build_chunks(document: Document, spans: Iterable[Span], *, whole: bool = False) -> list[Chunk]:
    """Chunks for spans in order of their starts.

    A chunk's section is that of its first text that is no heading: "# Manual", "## Setup", "Plug it in." lies in
    Manual, Setup. With `whole` only sections count that hold all of the chunk. Its page is that of its first character.
    """
    pages = document.pages
    page_starts = [page.start for page in pages]
    section_paths = _SectionPaths(document)
    chunks = []
    for start, end in spans:
        page_idx = bisect_right(page_starts, start) - 1
        on_page = page_idx >= 0 and start < pages[page_idx].end
        chunks.append(
            Chunk(
                source=document.source,
                start=start,
                end=end,
                text=document.text[start:end],
                section_path=section_paths.around(start, end) if whole else section_paths.of_text(start, end),
                page_number=pages[page_idx].page_number if on_page else None,
            )
        )
    return chunks


def heading_end(text: str, section: Section) -> int:
    """End of the heading line that opens a section, or its start where none stands there, as in a table's row.

    A line of = or - below, which underlines a heading in Markdown, belongs to it.
    """
    end = _line_end(text, section.start, section.end)
    title, line = _letters(section.title), _letters(text[section.start : end][:_LONGEST_HEADING])
    if title not in line or len(line) > 2 * len(title) + _NUMBERING:
        return section.start
    underline_end = _line_end(text, min(end + 1, section.end), section.end)
    underline = text[end:underline_end].strip()
    is_underline = len(underline) > 1 and (set(underline) == {"="} or set(underline) == {"-"})
    return underline_end if is_underline else end


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()


def _line_end(text: str, start: int, limit: int) -> int:
    end = text.find("\n", start, limit)
    return limit if end < 0 else end


class _SectionPaths:
    """Titles around a position. Linear over a document: `Document.section_path_at` looks at every section each time."""

    def __init__(self, document: Document) -> None:
        self._text = document.text
        self._sections = document.sections
        self._starts = [section.start for section in self._sections]
        self._parents = list(_parents(self._sections))

    def of_text(self, start: int, end: int) -> tuple[str, ...]:
        """Titles around the first text of a chunk that is no heading."""
        place = self._after_headings(start, end)
        return self.around(place, place + 1)

    def around(self, start: int, end: int) -> tuple[str, ...]:
        """Titles of the sections that hold all of a span, outermost first."""
        idx = bisect_right(self._starts, start) - 1
        titles = []
        while idx >= 0:
            if end <= self._sections[idx].end:
                titles.append(self._sections[idx].title)
            idx = self._parents[idx]
        return tuple(reversed(titles))

    def _after_headings(self, start: int, end: int) -> int:
        """`start`, moved past headings as long as text follows before `end`."""
        place = start
        idx = bisect_right(self._starts, place) - 1
        while 0 <= idx < len(self._sections) and self._sections[idx].start <= place:
            below = max(place, heading_end(self._text, self._sections[idx]))
            rest = self._text[below:end].lstrip()
            if not rest:
                return start
            place = end - len(rest)
            idx += 1
        return place


def _parents(sections: tuple[Section, ...]) -> Iterator[int]:
    """For each section the one before it that may hold it, -1 for none."""
    open_sections: list[int] = []
    for idx, section in enumerate(sections):
        while open_sections and sections[open_sections[-1]].end <= section.start:
            open_sections.pop()
        yield open_sections[-1] if open_sections else -1
        open_sections.append(idx)
