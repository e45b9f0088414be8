"""From a hit to the text around it: its section, or its neighbours. Small pieces are found better, large read better.

What comes back is again an exact span of the document, `document[start:end]`, of whole chunks; hits whose spans would
share text become one, at the place of the better. Chunks of a document may overlap.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Literal, Protocol

from appkit.retrieval.documents import Chunk, Hit

Expansion = Literal["none", "section", "neighbours"]
MAX_SECTION_CHARS = 6_000  # about 1,500 tokens of English: a section that is a whole book would be no answer


class ChunkSource(Protocol):
    """What expansion needs of an index."""

    def chunks_of(self, source: str) -> list[Chunk]: ...

    def document_text(self, source: str) -> str: ...


def expand_hits(index: ChunkSource, hits: Sequence[Hit], expand: Expansion, *, limit: int) -> list[Hit]:
    """Up to `limit` hits, best first, each with the span around it; scores stay those of the piece that was found.

    "section" takes the chunks next to the hit of the same section, nearest first, up to `MAX_SECTION_CHARS`;
    "neighbours" one chunk on each side, in whatever section.
    """
    if expand == "none":
        return list(hits[:limit])
    passages: list[_Passage] = []
    siblings: dict[str, list[Chunk]] = {}
    for hit in hits:
        source = hit.chunk.source
        if source not in siblings:
            siblings[source] = index.chunks_of(source)
        span = _around(siblings[source], hit.chunk, expand)
        met = [passage for passage in passages if passage.meets(source, *span)]
        if not met and len(passages) == limit:
            break
        if not met:
            passages.append(_Passage(hit, *span))
        else:
            for start, end in (span, *((passage.start, passage.end) for passage in met[1:])):
                met[0].widen(start, end)
            passages = [passage for passage in passages if passage not in met[1:]]
    texts = {source: index.document_text(source) for source in {passage.hit.chunk.source for passage in passages}}
    return [
        _as_hit(passage, siblings[passage.hit.chunk.source], texts[passage.hit.chunk.source]) for passage in passages
    ]


@dataclass(eq=False)  # two passages are never the same one
class _Passage:
    """A growing span, and the best hit in it."""

    hit: Hit
    start: int
    end: int

    def meets(self, source: str, start: int, end: int) -> bool:
        return self.hit.chunk.source == source and self.start < end and start < self.end

    def widen(self, start: int, end: int) -> None:
        self.start, self.end = min(self.start, start), max(self.end, end)


def _around(siblings: Sequence[Chunk], chunk: Chunk, expand: Expansion) -> tuple[int, int]:
    """Start and end of the text to show for a chunk; `siblings` are all chunks of its document, in order."""
    place = next(idx for idx, sibling in enumerate(siblings) if sibling.chunk_id == chunk.chunk_id)
    before, after = list(siblings[:place]), list(siblings[place + 1 :])
    if expand == "neighbours":
        before, after = before[-1:], after[:1]
    else:
        before = list(takewhile(lambda other: other.section_path == chunk.section_path, reversed(before)))[::-1]
        after = list(takewhile(lambda other: other.section_path == chunk.section_path, after))
    start, end = chunk.start, chunk.end
    while before or after:  # the nearer side first, so that the piece found stays in the middle
        is_before = bool(before) and (not after or chunk.start - before[-1].start <= after[0].end - chunk.end)
        nearest = before.pop() if is_before else after.pop(0)
        if max(end, nearest.end) - min(start, nearest.start) > MAX_SECTION_CHARS:
            break
        start, end = min(start, nearest.start), max(end, nearest.end)
    return start, end


def _as_hit(passage: _Passage, siblings: Sequence[Chunk], text: str) -> Hit:
    first = next(chunk for chunk in siblings if chunk.start == passage.start)
    chunk = replace(passage.hit.chunk, start=passage.start, end=passage.end, text=text[passage.start : passage.end],
                    page_number=first.page_number)  # fmt: skip
    return replace(passage.hit, chunk=chunk)
