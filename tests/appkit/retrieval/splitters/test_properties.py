"""What every splitter promises of every text."""

import math
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appkit.retrieval.documents import Chunk, Document, PageSpan, Section
from appkit.retrieval.splitters import split_document
from appkit.retrieval.splitters.document import RECORD_TYPES

unhurried = settings(deadline=None)  # an example may wait for the other tests of a busy machine

MEDIA_TYPES = ["text/plain", "text/markdown", "text/x-python", "text/csv", "application/jsonl", "application/json"]
WORDS = [
    "word", "U.S.", "保修期", "。", "，", ". ", "! ", " ", "\n", "\n\n", "\r\n", "\t", "\f", "\u2028", "[1]", '"', "{",
    "# Top\n", "\n## Sub\n", "\n#### Low\n", "```\n", "| a | b |\n", "- item\n", "def f():\n", "@mark\n",
    "x" * 90, "y" * 40, " " * 300, "e\u0301", "👩\u200d💻", "🇩🇪🇫🇷", "👍🏽",
]  # fmt: skip
texts = st.one_of(st.lists(st.sampled_from(WORDS), max_size=120).map("".join), st.text(max_size=200))


def count_tokens(text: str) -> int:
    """A counter with the awkward sides of real ones: a start token, bytes, joins that cost more than their parts."""
    words = (len(word.encode("utf-8", "surrogatepass")) for word in text.split(" "))
    return 1 + sum(math.ceil(num_bytes / 4) for num_bytes in words) + len(text) // 16


@st.composite
def documents(draw: st.DrawFn) -> Document:
    text = draw(texts)
    starts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=6, unique=True)))
    headings = [(start, draw(st.integers(1, 4))) for start in starts]
    sections = []
    for idx, (start, level) in enumerate(headings):
        end = next((later for later, other in headings[idx + 1 :] if other <= level), len(text))
        sections.append(Section(title=f"s{start}", level=level, start=start, end=end))
    middle = len(text) // 2
    pages = (
        PageSpan(page_number=1, start=0, end=middle),
        PageSpan(page_number=2, start=middle, end=max(middle, len(text) - 3)),
    )
    return Document(
        source="a",
        text=text,
        media_type=draw(st.sampled_from(MEDIA_TYPES)),
        sha256="",
        title="a",
        sections=tuple(sections),
        pages=draw(st.sampled_from([(), pages])),
    )


def split(document: Document, max_tokens: int = 12, overlap_tokens: int = 4) -> list[Chunk]:
    return split_document(document, max_tokens=max_tokens, overlap_tokens=overlap_tokens, count_tokens=count_tokens)


@unhurried
@given(documents())
def test_chunks_are_the_text_between_their_offsets_without_blank_ends(document: Document) -> None:
    for chunk in split(document):
        assert document.text[chunk.start : chunk.end] == chunk.text == chunk.text.strip() != ""


@unhurried
@given(documents(), st.integers(8, 40), st.integers(0, 7))
def test_no_chunk_counts_more_than_the_limit(document: Document, max_tokens: int, overlap_tokens: int) -> None:
    assert all(count_tokens(chunk.text) <= max_tokens for chunk in split(document, max_tokens, overlap_tokens))


@unhurried
@given(documents(), st.integers(0, 7))
def test_chunks_cover_all_text_that_is_not_blank(document: Document, overlap_tokens: int) -> None:
    covered = 0
    for chunk in split(document, 16, overlap_tokens):
        assert document.text[covered : chunk.start].strip() == ""
        covered = max(covered, chunk.end)
    assert document.text[covered:].strip() == ""


@unhurried
@given(documents(), st.integers(0, 7))
def test_chunks_come_in_order_and_each_brings_something_new(document: Document, overlap_tokens: int) -> None:
    chunks = split(document, 16, overlap_tokens)
    for before, after in pairwise(chunks):
        assert before.start < after.start and before.end < after.end


@unhurried
@given(documents(), st.integers(1, 7))
def test_what_two_chunks_share_counts_at_most_the_overlap(document: Document, overlap_tokens: int) -> None:
    chunks = split(document, 16, overlap_tokens)
    for before, after in pairwise(chunks):
        shared = document.text[after.start : before.end]
        # The start token and a word cut in two come on top of what the atoms count.
        assert after.start >= before.end or count_tokens(shared) <= overlap_tokens + 2


@unhurried
@given(documents())
def test_nothing_overlaps_where_no_overlap_is_asked_for(document: Document) -> None:
    chunks = split(document, 16, 0)
    assert all(before.end <= after.start for before, after in pairwise(chunks))


@unhurried
@given(documents())
def test_the_same_document_gives_the_same_chunks(document: Document) -> None:
    assert split(document) == split(document)


@unhurried
@given(documents())
def test_chunks_never_tear_a_character_apart(document: Document) -> None:
    for chunk in split(document):
        before, after = document.text[chunk.start - 1 : chunk.start], chunk.text[0]
        assert not unicodedata.combining(after) or not before.strip() or len(chunk.text) > 40
        assert not (before == "\u200d" and after == "\U0001f4bb")


@unhurried
@given(documents())
def test_pages_are_those_of_the_first_character(document: Document) -> None:
    assert all(chunk.page_number == document.page_number_at(chunk.start) for chunk in split(document))


@unhurried
@given(documents())
def test_section_paths_are_those_of_some_character_of_the_chunk(document: Document) -> None:
    for chunk in split(document):
        paths = {document.section_path_at(place) for place in range(chunk.start, chunk.end)}
        assert chunk.section_path in paths or (document.media_type in RECORD_TYPES and len(paths) > 1)


@pytest.mark.parametrize(("max_tokens", "overlap_tokens"), [(0, 0), (7, 0), (100, 100), (100, -1)])
def test_impossible_sizes_are_refused(max_tokens: int, overlap_tokens: int) -> None:
    document = Document(source="a", text="a", media_type="text/plain", sha256="", title="a")
    with pytest.raises(ValueError, match="_tokens is"):
        split(document, max_tokens, overlap_tokens)
