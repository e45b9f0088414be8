"""Search over a real index of small texts, with an embedder that anybody can follow."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from appkit import ScriptedModel
from appkit.retrieval.filter_parser import FilterSyntaxError
from appkit.retrieval.index import DocumentIndex
from appkit.retrieval.search import search

CONCEPTS = {  # what the embedder knows: words that mean the same share a direction
    "pump": 0, "heater": 0, "泵": 0, "warranty": 1, "guarantee": 1, "保修": 1, "noise": 2, "loud": 2, "price": 3,
    "cost": 3,
}  # fmt: skip
DOCUMENTS = {
    "notes/warranty.md": "# Papers\n\nThe guarantee of the heater ends after five years.\n",
    "notes/copy.md": "# Papers\n\nThe guarantee of the heater ends after five years!\n",
    "noise.txt": "The pump is loud at night, and model ZX-81 is the worst.\n",
    "price.txt": "What a part may cost is in the list of prices.\n",
    "手册.md": "# 手册\n\n热泵的保修期是五年。\n",
}


class ConceptEmbedder:
    """Counts concepts; a text without any points away from all of them."""

    name = "concepts"
    dim = 5
    max_seq_len = 512

    def embed(self, texts: Sequence[str], kind: Literal["query", "document"] = "document") -> np.ndarray:
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word, direction in CONCEPTS.items():
                row[direction] += text.lower().count(word)
            row[4] = not row.any()
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentIndex]:
    base: Path = tmp_path_factory.mktemp("search")
    for source, text in DOCUMENTS.items():
        path = base / "docs" / source
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    with DocumentIndex.open(base / "index", embedder=ConceptEmbedder(), create=True) as index:
        index.sync(base / "docs")
        yield index


def sources(hits: Sequence[object]) -> list[str]:
    return [hit.chunk.source for hit in hits]  # type: ignore[attr-defined]


def test_dense_finds_what_means_the_same(index: DocumentIndex) -> None:
    hits = search(index, "pump warranty", method="dense", limit=2)
    assert set(sources(hits)) <= {"notes/warranty.md", "notes/copy.md", "手册.md"}
    assert hits[0].score == hits[0].scores["dense"] == pytest.approx(1.0, abs=1e-3)


def test_bm25_finds_the_very_word(index: DocumentIndex) -> None:
    hits = search(index, "ZX-81", method="bm25")
    assert sources(hits) == ["noise.txt"]
    assert set(hits[0].scores) == {"bm25"}


def test_hybrid_finds_both_and_says_what_each_method_thought(index: DocumentIndex) -> None:
    hits = search(index, "pump warranty")
    assert {"notes/warranty.md", "noise.txt"} <= set(sources(hits))
    assert all({"dense", "rrf"} <= set(hit.scores) and hit.score == hit.scores["rrf"] for hit in hits)
    assert sorted((hit.score for hit in hits), reverse=True) == [hit.score for hit in hits]


def test_chinese_is_found_by_words_and_by_meaning(index: DocumentIndex) -> None:
    assert sources(search(index, "热泵保修期", limit=1)) == ["手册.md"]
    assert sources(search(index, "保修", method="bm25")) == ["手册.md"]


def test_nothing_but_punctuation_has_no_keywords(index: DocumentIndex) -> None:
    assert search(index, "?!", method="bm25") == []


@pytest.mark.parametrize("method", ["dense", "bm25", "hybrid"])
def test_a_filter_holds_for_every_method(index: DocumentIndex, method: str) -> None:
    hits = search(index, "guarantee of the heater", method=method, filter='source startswith "notes/c"')
    assert sources(hits) == ["notes/copy.md"]
    assert search(index, "guarantee", method=method, filter='language = "xx"') == []


def test_diversity_puts_a_copy_behind_something_new(index: DocumentIndex) -> None:
    first, second, *_ = sources(search(index, "guarantee of the heater"))
    assert {first, second} == {"notes/warranty.md", "notes/copy.md"}
    best, other, *_ = sources(search(index, "guarantee of the heater", diversity=0.7))
    assert best == first
    assert other != second


def test_a_model_that_reads_changes_the_order(index: DocumentIndex) -> None:
    model = ScriptedModel(
        ["-"], score=lambda prompt, text: [0.0 if "copy" in prompt or "!" in prompt else -9.0] * len(text)
    )
    hits = search(index, "guarantee heater", rerank=model, limit=3)
    assert sources(hits)[0] == "notes/copy.md"
    assert (hits[0].scores["rerank"], hits[1].scores["rerank"]) == (0.0, -9.0)
    assert hits[0].score > hits[1].score


def test_expansion_shows_exact_text_of_the_document(index: DocumentIndex) -> None:
    (hit, *_) = search(index, "ZX-81", expand="section")
    assert hit.chunk.text == index.document_text("noise.txt")[hit.chunk.start : hit.chunk.end]


def test_the_same_query_gives_the_same_list(index: DocumentIndex) -> None:
    assert search(index, "pump cost") == search(index, "pump cost")


def test_limit_is_kept(index: DocumentIndex) -> None:
    assert len(search(index, "pump warranty", limit=2)) == 2


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"query": " \n"}, "The query is empty"), ({"limit": 0}, "limit is 0"),
        ({"method": "bm52"}, "method is 'bm52'"),
        ({"expand": "book"}, "expand is 'book'"), ({"diversity": float("nan")}, "diversity is nan"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_named(index: DocumentIndex, arguments: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        search(index, **{"query": "pump", **arguments})  # type: ignore[arg-type]


def test_a_wrong_filter_is_shown(index: DocumentIndex) -> None:
    with pytest.raises(FilterSyntaxError, match="character 10"):
        search(index, "pump", filter="source = notes")


def test_an_empty_index_finds_nothing(tmp_path: Path) -> None:
    with DocumentIndex.open(tmp_path / "index", embedder=ConceptEmbedder(), create=True) as empty:
        assert search(empty, "pump") == []
        assert search(empty, "pump", filter="page = 1", expand="section") == []
