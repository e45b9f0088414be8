"""A citation names what was retrieved, and is checked against the document."""

from dataclasses import replace

import pytest

from appkit.errors import RetrievalError
from appkit.rag.citations import cite, cited_numbers, find_hit, verify
from tests.appkit.rag.chunks import WARRANTY, hit


class Documents(dict[str, str]):
    def document_text(self, source: str) -> str:
        if source not in self:
            raise RetrievalError(f"no document {source!r}")
        return self[source]


def test_a_citation_counts_characters_of_the_document() -> None:
    citation = cite(hit(WARRANTY, start=100, page_number=3), 104, 108)
    assert (citation.quote, citation.file, citation.page_number) == ("pump", "a.md", 3)


@pytest.mark.parametrize("span", [(99, 104), (100, 100), (100, 1000), (108, 104)])
def test_what_was_not_retrieved_cannot_be_cited(span: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="only retrieved text can be cited"):
        cite(hit(WARRANTY, start=100), *span)


def test_numbers_are_read_once_each_in_order() -> None:
    assert cited_numbers("It lasts [2] two years [1], see [2]. [x] [] [12345678]") == [2, 1]


def test_a_citation_is_found_in_its_hit_only() -> None:
    hits = [hit("other", "b.md"), hit(WARRANTY, start=10)]
    citation = cite(hits[1], 10, 13)
    assert find_hit(citation, hits) is hits[1]
    assert find_hit(replace(citation, file="c.md"), hits) is None


def test_verify_accepts_quotes_that_stand_there() -> None:
    assert verify([cite(hit(WARRANTY), 4, 8)], Documents({"a.md": WARRANTY})) == []


def test_verify_names_a_changed_document_and_a_missing_one() -> None:
    good = cite(hit(WARRANTY), 4, 8)
    problems = verify([good, replace(good, file="gone.md")], Documents({"a.md": "The hose comes with a manual."}))
    assert len(problems) == 2
    assert problems[0].startswith("[1] a.md does not hold the quote")
    assert "gone.md" in problems[1]
