"""The registry: suffixes, readers, and who runs where."""

from pathlib import Path

import pytest

from appkit.retrieval.loaders import SUPPORTED_SUFFIXES
from appkit.retrieval.loaders.formats import FORMATS, Format, format_of


def test_no_suffix_belongs_to_two_formats_and_all_are_lower_case() -> None:
    suffixes = [suffix for format in FORMATS for suffix in format.media_types]
    assert len(suffixes) == len(set(suffixes)) == len(SUPPORTED_SUFFIXES)
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in suffixes)


@pytest.mark.parametrize("format", FORMATS, ids=lambda format: format.name)
def test_every_format_has_its_reader(format: Format) -> None:
    assert callable(format.reader())


def test_a_suffix_counts_in_any_case_and_the_last_one_alone() -> None:
    assert format_of(Path("MANUAL.PDF")) == format_of(Path("a.md.pdf"))
    assert format_of(Path("pdf")) is None
    assert format_of(Path(".md")) is None


def test_only_text_that_is_taken_as_it_is_stays_out_of_the_child() -> None:
    assert {format.name for format in FORMATS if not format.in_child} == {"plain text", "source code"}
