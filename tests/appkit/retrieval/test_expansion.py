"""Expansion: which text is shown around a hit, exact to the character."""

import pytest

from appkit.retrieval.documents import Chunk, Hit
from appkit.retrieval.expansion import MAX_SECTION_CHARS, expand_hits

TEXT = "".join(f"sentence number {n:02d}. " for n in range(12))  # 20 characters each
WIDTH = 20


class Shelf:
    """One document of twelve chunks, four to a section, each overlapping the next by five characters."""

    def __init__(self, text: str = TEXT, width: int = WIDTH, overlap: int = 5, per_section: int = 4) -> None:
        self.text = text
        spans = [(at, min(at + width + overlap, len(text))) for at in range(0, len(text), width)]
        self._chunks = {
            10 + n: Chunk(source="a.md", start=start, end=end, text=text[start:end], chunk_id=10 + n, page_number=n + 1,
                          section_path=(f"part {n // per_section}",))
            for n, (start, end) in enumerate(spans)
        }  # fmt: skip

    def chunks_of(self, source: str) -> list[Chunk]:
        return list(self._chunks.values())

    def document_text(self, source: str) -> str:
        return self.text

    def hit(self, n: int, score: float = 1.0) -> Hit:
        return Hit(chunk=self._chunks[10 + n], score=score, scores={"bm25": score})


def test_none_leaves_hits_alone() -> None:
    shelf = Shelf()
    hits = [shelf.hit(3), shelf.hit(1)]
    assert expand_hits(shelf, hits, "none", limit=1) == hits[:1]


def test_a_section_is_all_its_chunks_and_no_more() -> None:
    (hit,) = expand_hits(shelf := Shelf(), [shelf.hit(5)], "section", limit=5)
    assert (hit.chunk.start, hit.chunk.end) == (4 * WIDTH, 8 * WIDTH + 5)
    assert hit.chunk.text == TEXT[hit.chunk.start : hit.chunk.end]
    assert (hit.chunk.page_number, hit.chunk.section_path, hit.chunk.chunk_id) == (5, ("part 1",), 15)


def test_neighbours_are_one_chunk_on_each_side() -> None:
    (hit,) = expand_hits(shelf := Shelf(), [shelf.hit(4)], "neighbours", limit=5)
    assert (hit.chunk.start, hit.chunk.end) == (3 * WIDTH, 6 * WIDTH + 5)


@pytest.mark.parametrize("n", [0, 11])
def test_the_ends_of_a_document_have_one_neighbour(n: int) -> None:
    (hit,) = expand_hits(shelf := Shelf(), [shelf.hit(n)], "neighbours", limit=5)
    assert hit.chunk.text == (TEXT[: 2 * WIDTH + 5] if n == 0 else TEXT[10 * WIDTH :])


def test_hits_whose_texts_meet_become_one_at_the_better_place() -> None:
    shelf = Shelf()
    hits = expand_hits(shelf, [shelf.hit(5, 0.9), shelf.hit(0, 0.8), shelf.hit(7, 0.7)], "neighbours", limit=5)
    assert [(hit.chunk.start, hit.score) for hit in hits] == [(4 * WIDTH, 0.9), (0, 0.8)]
    assert hits[0].chunk.end == 9 * WIDTH + 5


def test_a_hit_between_two_joins_all_three() -> None:
    shelf = Shelf()
    (hit,) = expand_hits(shelf, [shelf.hit(2), shelf.hit(6), shelf.hit(4)], "neighbours", limit=5)
    assert (hit.chunk.start, hit.chunk.end, hit.chunk.chunk_id) == (WIDTH, 8 * WIDTH + 5, 12)


def test_merged_hits_leave_room_for_the_next() -> None:
    shelf = Shelf()
    hits = expand_hits(shelf, [shelf.hit(0), shelf.hit(1), shelf.hit(9)], "section", limit=2)
    assert [hit.chunk.section_path for hit in hits] == [("part 0",), ("part 2",)]


def test_a_section_as_long_as_a_book_is_cut_around_the_hit() -> None:
    shelf = Shelf("x" * 60_000, width=1_000, overlap=0, per_section=60)
    (hit,) = expand_hits(shelf, [shelf.hit(30)], "section", limit=1)
    assert hit.chunk.end - hit.chunk.start == MAX_SECTION_CHARS
    assert hit.chunk.start < 30_000 < 31_000 < hit.chunk.end
