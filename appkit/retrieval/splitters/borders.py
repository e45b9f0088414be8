"""Atoms: pieces cut only where one alone is too large, and how good it is to end a chunk between them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from appkit.retrieval.sentences import Span, iter_sentences, trimmed

FAR_APART = 256  # white space characters between two atoms; models count them, readers do not see them
_BLANK_LINE = re.compile(r"(?:\r\n|[\n\r\u2028])[^\S\n\r\u2028]*[\n\r\u2028]|[\f\u2029]")


class Border(IntEnum):
    """What lies between two atoms; a higher one is a better place to end a chunk."""

    HEADING = 0  # after a heading: it belongs to the text below it
    CHARACTER = 1
    WORD = 2
    CLAUSE = 3
    SENTENCE = 4
    LINE = 5
    PARAGRAPH = 6
    SECTION = 7
    CHAPTER = 8  # chunks end here, unless they would be tiny
    GAP = 9  # chunks always end here


@dataclass(frozen=True, slots=True)
class Atom:
    """`text[start:end]`, without white space at its ends."""

    start: int
    end: int
    border: Border  # before it


def atoms_from_spans(text: str, spans: Iterable[Span], previous_end: int) -> Iterator[Atom]:
    """Atoms for spans in order, each border read from the white space before it; the first follows `previous_end`."""
    for start, end in spans:
        yield Atom(start, end, border_of_gap(text[previous_end:start]))
        previous_end = end


def border_of_gap(gap: str) -> Border:
    """What the white space between two sentences says about the place."""
    if gap in ("", " "):
        return Border.SENTENCE
    if len(gap) > FAR_APART:
        return Border.GAP
    if _BLANK_LINE.search(gap):
        return Border.PARAGRAPH
    return Border.LINE if "\n" in gap or "\r" in gap else Border.SENTENCE


def sentence_atoms(text: str, start: int, end: int) -> Iterator[Atom]:
    """One atom a sentence of `text[start:end]`."""
    return atoms_from_spans(text, iter_sentences(text, start, end), start)


def line_atoms(text: str, start: int, end: int) -> Iterator[Atom]:
    """One atom a line of `text[start:end]` that is not blank."""
    return atoms_from_spans(text, line_spans(text, start, end), start)


def line_spans(text: str, start: int, end: int) -> Iterator[Span]:
    """Spans of the lines that are not blank, without the white space around them."""
    for line in text[start:end].splitlines(keepends=True):
        yield from trimmed(text, start, start + len(line))
        start += len(line)
