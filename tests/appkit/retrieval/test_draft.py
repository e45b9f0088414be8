"""Tests of `appkit.retrieval.draft`: what goes into a database comes out of it as it was."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appkit.retrieval.documents import Document, PageSpan, Scalar, Section
from appkit.retrieval.draft import Draft
from appkit.retrieval.schema import TEXT_PART_CHARS

SCALARS: st.SearchStrategy[Scalar] = st.one_of(
    st.text(st.characters()), st.integers(), st.booleans(), st.floats(allow_nan=False, allow_infinity=False)
)


LENGTHS = [0, 1, TEXT_PART_CHARS - 1, TEXT_PART_CHARS, TEXT_PART_CHARS + 1, 3 * TEXT_PART_CHARS]


def put_and_read(draft: Draft, document: Document) -> Document:
    draft.put_document(document, size_bytes=1, mtime_ns=1, language="en")
    document_id = draft.store.document_id(document.source)
    assert document_id is not None
    return draft.store.document(document_id)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(metadata=st.dictionaries(st.text(st.characters()), SCALARS, max_size=5))
def test_metadata_comes_back_as_the_same_plain_values(tmp_path: Path, metadata: dict[str, Scalar]) -> None:
    hostile = {**metadata, "lc": 1, "__class__": "os.system", "type": "constructor", "id": "../../etc"}
    document = Document(source="a", text="x", media_type="t", sha256="", title="", metadata=hostile)
    with Draft(tmp_path, None) as draft:
        found = put_and_read(draft, document).metadata
    assert found == hostile
    assert {key: type(value) for key, value in found.items()} == {key: type(value) for key, value in hostile.items()}


def test_a_number_that_is_none_is_refused(tmp_path: Path) -> None:
    document = Document(source="a", text="x", media_type="t", sha256="", title="", metadata={"n": float("nan")})
    with Draft(tmp_path, None) as draft, pytest.raises(ValueError, match="not JSON compliant"):
        put_and_read(draft, document)


@pytest.mark.parametrize(
    "length", [0, 1, TEXT_PART_CHARS - 1, TEXT_PART_CHARS, TEXT_PART_CHARS + 1, 3 * TEXT_PART_CHARS]
)
def test_any_span_of_a_text_in_parts_is_found(tmp_path: Path, length: int) -> None:
    text = "".join(chr(0x4E00 + n % 20_000) if n % 3 else "🙂" for n in range(length))
    document = Document(source="文/a.txt", text=text, media_type="t", sha256="", title="")
    with Draft(tmp_path, None) as draft:
        assert put_and_read(draft, document).text == text
        document_id = draft.store.document_id("文/a.txt")
        assert document_id is not None
        borders = [0, 1, TEXT_PART_CHARS - 1, TEXT_PART_CHARS, TEXT_PART_CHARS + 1, 2 * TEXT_PART_CHARS, length]
        for start in borders:
            for end in [end for end in borders if start < end]:
                assert draft.store.text(document_id, start, end) == text[start:end]


def test_pages_and_sections_come_back(tmp_path: Path) -> None:
    document = Document(
        source="a.pdf",
        text="One. Two.",
        media_type="application/pdf",
        sha256="0" * 64,
        title="泵",
        pages=(PageSpan(page_number=1, start=0, end=5), PageSpan(page_number=2, start=5, end=9)),
        sections=(Section(title="Über", level=1, start=0, end=9),),
    )
    with Draft(tmp_path, None) as draft:
        assert put_and_read(draft, document) == document


def test_a_draft_that_is_not_committed_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), Draft(tmp_path, None):
        raise KeyError
    assert list(tmp_path.iterdir()) == []
