"""Tables, JSON and JSON lines: a chunk holds whole records, as many as fit."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from appkit.retrieval.documents import Chunk, Document
from appkit.retrieval.splitters.borders import Atom, Border, line_atoms, sentence_atoms
from appkit.retrieval.splitters.chunks import build_chunks
from appkit.retrieval.splitters.cuts import is_safe_cut
from appkit.retrieval.splitters.packing import CountTokens, pack


def split_records(document: Document, *, max_tokens: int, count_tokens: CountTokens) -> list[Chunk]:
    """Chunks of whole records: the document's sections, or its lines where it has none.

    A record that is too large alone is cut at its lines and sentences. Nothing overlaps, as records stand alone. The
    section path of a chunk names a record only where the chunk holds no other.
    """
    spans = pack(document.text, _atoms(document), max_tokens=max_tokens, overlap_tokens=0, count_tokens=count_tokens)
    return build_chunks(document, spans, whole=True)


def _atoms(document: Document) -> Iterator[Atom]:
    text = document.text
    if not document.sections:
        yield from line_atoms(text, 0, len(text))
        return
    starts = {section.start for section in document.sections}
    places = sorted(place for place in {0, len(text), *starts} if is_safe_cut(text, place))
    for start, end in pairwise(places):
        for idx, atom in enumerate(sentence_atoms(text, start, end)):
            yield atom if idx or atom.border is Border.GAP else replace(atom, border=Border.SECTION)
