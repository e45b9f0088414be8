"""Rows and records: tables, JSON lines and JSON. A chunk holds whole records, as many as fit."""

from collections.abc import Iterator
from dataclasses import replace

from appkit.retrieval.documents import Chunk, Document
from appkit.retrieval.sentences import Span, trimmed
from appkit.retrieval.splitters.borders import Atom, Border, atoms_from_spans, line_atoms
from appkit.retrieval.splitters.chunks import build_chunks
from appkit.retrieval.splitters.packing import CountTokens, pack

_INDENT = 2  # of the members of a JSON document, which are its records


def split_records(document: Document, *, max_tokens: int, count_tokens: CountTokens) -> list[Chunk]:
    """Chunks of whole records; a record that is too large alone is cut. Nothing overlaps: records stand alone."""
    text = document.text
    if document.media_type == "application/json":
        atoms = _json_atoms(text)
    elif document.media_type in ("text/csv", "text/tab-separated-values"):
        atoms = atoms_from_spans(text, _rows(text), 0)
    else:
        atoms = line_atoms(text, 0, len(text))
    spans = pack(text, atoms, max_tokens=max_tokens, overlap_tokens=0, count_tokens=count_tokens)
    return build_chunks(document, spans)


def _rows(text: str) -> Iterator[Span]:
    """Spans of the rows of a CSV text; a line break between quotes stays inside its row (RFC 4180)."""
    row_start = line_start = num_quotes = 0
    for line in text.splitlines(keepends=True):
        num_quotes += line.count('"')
        line_start += len(line)
        if num_quotes % 2 == 0:
            yield from trimmed(text, row_start, line_start)
            row_start = line_start
    yield from trimmed(text, row_start, len(text))


def _json_atoms(text: str) -> Iterator[Atom]:
    """Lines of a JSON text as people indent it: the less a line is indented, the better a chunk ends before it."""
    for line in line_atoms(text, 0, len(text)):
        if line.border is Border.GAP:
            yield line
            continue
        indent = line.start - (text.rfind("\n", 0, line.start) + 1)
        border = Border.PARAGRAPH if indent <= _INDENT else Border.LINE if indent <= 2 * _INDENT else Border.SENTENCE
        yield replace(line, border=border)
