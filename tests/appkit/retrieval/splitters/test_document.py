from itertools import pairwise

import pytest

from appkit.retrieval.splitters import split_document
from runtime import load_model
from tests.appkit.retrieval.splitters.documents import count_words, document, markdown, row_table
from tests.helpers.real_models import real_model
from tests.helpers.shared_data import shared_data


def starts(text: str, media_type: str) -> list[str]:
    chunks = split_document(document(text, media_type), max_tokens=10, overlap_tokens=0, count_tokens=count_words)
    return [chunk.text for chunk in chunks]


@pytest.mark.parametrize("media_type", ["text/x-python", "text/javascript", "application/jsonl"])
def test_lines_of_code_and_of_records_are_not_cut_at_sentences(media_type: str) -> None:
    text = "a = b. C = d. E\nf = g. H = i. J"
    assert starts(text, media_type) == text.split("\n")


@pytest.mark.parametrize("media_type", ["text/plain", "text/x-rst", "application/pdf", "text/markdown", "text/html"])
def test_prose_is_cut_at_sentences(media_type: str) -> None:
    assert starts("One two three four. Five six. Seven eight nine ten.", media_type)[0].endswith(".")


def test_headings_are_followed_whatever_the_type() -> None:
    chunks = split_document(
        markdown("## A\n\nOne two.\n\n## B\n\nThree.\n"), max_tokens=30, overlap_tokens=0, count_tokens=count_words
    )
    assert [chunk.section_path for chunk in chunks] == [("A",), ("B",)]


def test_rows_are_grouped() -> None:
    chunks = split_document(row_table(40), max_tokens=70, overlap_tokens=20, count_tokens=count_words)
    assert len(chunks) == 4 and all(before.end < after.start for before, after in pairwise(chunks))


@pytest.mark.parametrize("name", ["smollm2-135m", "gemma3-270m", "minilm-l6", "e5-small-multilingual"])
def test_no_chunk_is_larger_than_asked_for_by_a_real_tokenizer(name: str) -> None:
    count_tokens = load_model(real_model(name)).count_tokens
    text = shared_data("cranfield/cran.all.1400.xml").read_text("utf-8")[:60_000] + "保修期为两年，请保留发票。" * 200
    chunks = split_document(document(text), max_tokens=96, overlap_tokens=16, count_tokens=count_tokens)
    sizes = [count_tokens(chunk.text) for chunk in chunks]
    assert max(sizes) <= 96 and sum(sizes) / len(sizes) > 64
