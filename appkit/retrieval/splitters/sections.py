"""Markdown, HTML and other text with headings: chunks follow its sections."""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from appkit.retrieval.documents import Chunk, Document, Section
from appkit.retrieval.sentences import trimmed
from appkit.retrieval.splitters.borders import Atom, Border, line_atoms, sentence_atoms
from appkit.retrieval.splitters.chunks import build_chunks, heading_end
from appkit.retrieval.splitters.cuts import is_safe_cut
from appkit.retrieval.splitters.packing import CountTokens, pack

CHAPTER_LEVEL = 3  # sections down to this level keep their chunks to themselves; 2 found less (docs/log.md)
_FENCE = re.compile(r"^ {0,3}(?P<fence>`{3,}|~{3,})[^\n]*\n.*?(?:^ {0,3}(?P=fence)[`~]*[ \t]*$|\Z)", re.M | re.S)


def split_by_sections(
    document: Document, *, max_tokens: int, overlap_tokens: int, count_tokens: CountTokens
) -> list[Chunk]:
    """Chunks that stay within a section of level 1 to 3, tiny ones aside, and never end after a heading.

    Deeper sections are the places where a chunk likes best to end. Code between ``` or ~~~ is cut at its lines, as
    Markdown has it.
    """
    spans = pack(
        document.text,
        _atoms(document),
        max_tokens=max_tokens,
        overlap_tokens=overlap_tokens,
        count_tokens=count_tokens,
    )
    return build_chunks(document, spans)


def _atoms(document: Document) -> Iterator[Atom]:
    text, sections = document.text, document.sections
    headings = {section.start: section for section in sections}
    chapter_ends = {section.end for section in sections if section.level <= CHAPTER_LEVEL}
    places = sorted(place for place in {0, len(text), *headings, *chapter_ends} if is_safe_cut(text, place))
    fences = [match.span() for match in _FENCE.finditer(text)]
    above: Section | None = None  # the heading just above, while no text came after it
    for start, end in pairwise(places):
        border = Border.CHAPTER if start in chapter_ends else None  # None: as the white space says
        below = start
        heading = headings.get(start)
        if heading is not None:
            border = Border.CHAPTER if heading.level <= CHAPTER_LEVEL else Border.SECTION
            if above is not None and above.level < heading.level:
                border = Border.HEADING
            below = min(heading_end(text, heading), end)
            for span in trimmed(text, start, below):
                yield Atom(*span, border)
                border, above = Border.HEADING, heading
        for atom in _body_atoms(text, below, end, fences):
            yield atom if border is None or atom.border is Border.GAP else replace(atom, border=border)
            border, above = None, None


def _body_atoms(text: str, start: int, end: int, fences: list[tuple[int, int]]) -> Iterator[Atom]:
    for fence_start, fence_end in fences[max(0, bisect_left(fences, (start, 0)) - 1) :]:
        if fence_start >= end:
            break
        if fence_end <= start:
            continue
        yield from sentence_atoms(text, start, fence_start)
        inside = max(start, fence_start)
        start = min(fence_end, end)
        for idx, atom in enumerate(line_atoms(text, inside, start)):
            yield replace(atom, border=min(atom.border, Border.LINE)) if idx else replace(atom, border=Border.PARAGRAPH)
    yield from sentence_atoms(text, start, end)
