"""Sections nest as headings say; a text in the making is clean, bounded, and knows its lines."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appkit.retrieval.loaders.content import Heading, TextBuilder, sections_of
from appkit.retrieval.loaders.errors import UnusableContentError


def test_a_section_reaches_to_the_next_of_its_level_or_above() -> None:
    headings = [Heading(title=f"{level}", level=level, start=10 * i) for i, level in enumerate([1, 2, 3, 2, 1, 3])]
    assert [(s.start, s.end) for s in sections_of(headings, 100)] == [
        (0, 40), (10, 30), (20, 30), (30, 40), (40, 100), (50, 100),
    ]  # fmt: skip


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 50)), max_size=30))
def test_sections_nest_or_are_apart(given_headings: list[tuple[int, int]]) -> None:
    starts = sorted(start for _, start in given_headings)
    headings = [Heading(title="x", level=lv, start=s) for (lv, _), s in zip(given_headings, starts, strict=True)]
    sections = sections_of(headings, 60)
    assert [s.start for s in sections] == starts
    for a, b in itertools.pairwise(sections):
        assert b.start >= a.end or (b.end <= a.end and b.level > a.level)


def test_a_builder_ends_a_line_no_more_than_asked() -> None:
    builder = TextBuilder()
    builder.end_line(2)  # nothing to end yet
    for text in ("a", "b\n", "c\n\n\n"):
        builder.add(text)
        builder.end_line(2)
        builder.end_line(1)
    assert builder.text() == "a\n\nb\n\nc\n\n\n"
    assert builder.is_at_line_start


@given(st.lists(st.text(max_size=8), max_size=8))
def test_a_builder_knows_its_length(pieces: list[str]) -> None:
    builder = TextBuilder()
    for piece in pieces:
        builder.add(piece)
        assert builder.length == len(builder.text())
        assert builder.is_at_line_start == (not builder.text() or builder.text().endswith("\n"))


def test_a_builder_refuses_more_than_its_limit_in_bytes() -> None:
    builder = TextBuilder(max_bytes=6)
    builder.add("保修")
    with pytest.raises(UnusableContentError, match="text") as caught:
        builder.add("a")
    assert caught.value.reason == "too large"


def test_removed_characters_are_counted_in_the_metadata() -> None:
    builder = TextBuilder()
    builder.add("a\u200bb\u202ec")
    content = builder.content(metadata={"removed_invisible": 3})
    assert (content.text, content.metadata) == ("abc", {"removed_invisible": 5})
