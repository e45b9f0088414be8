"""Tests of keyword search in `appkit.retrieval.store`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from appkit.retrieval import store as store_module
from appkit.retrieval.documents import Chunk, Document
from appkit.retrieval.draft import Draft
from appkit.retrieval.store import Store

TEXT = "x" * 1000


@pytest.fixture
def draft(tmp_path: Path) -> Iterator[Draft]:
    with Draft(tmp_path, None) as opened:
        yield opened


def put(draft: Draft, *chunks: Sequence[str]) -> Store:
    """One document a chunk; chunk ids count from 1."""
    for n, words in enumerate(chunks):
        document = Document(source=f"{n}", text=TEXT, media_type="text/plain", sha256="", title="")
        draft.put_document(document, size_bytes=1, mtime_ns=1, language="en")
        document_id = draft.store.document_id(f"{n}")
        assert document_id is not None
        draft.put_chunks(document_id, [Chunk(source=f"{n}", start=0, end=9, text=TEXT[:9])], [words])
    return draft.store


def found(store: Store, *words: str, limit: int = 99, allowed: list[int] | None = None) -> list[int]:
    ids = None if allowed is None else np.array(allowed, np.int64)
    return [chunk_id for chunk_id, _ in store.keyword_search(words, limit, ids)]


def test_rare_words_and_short_chunks_weigh_more(draft: Draft) -> None:
    store = put(draft, ["pump", "old"], ["pump"], ["valve"] * 9, ["valve"] * 9, ["valve"], [])
    assert found(store, "pump", "old") == [1, 2]
    assert found(store, "valve")[0] == 5 or found(store, "valve")[-1] == 5
    scores = [score for _, score in store.keyword_search(["pump", "old"], 9)]
    assert scores[0] > scores[1] > 0


@pytest.mark.parametrize(
    "word", ['"', "*", "a*", "NEAR", "AND", "c++", "a-b", "col:x", "^a", "(", "it's", "保修期", "é", "👍", "\\", "a.b"]
)
def test_any_word_is_found_as_it_is(draft: Draft, word: str) -> None:
    store = put(draft, ["other", word], ["other"], ["third"], ["fourth"])
    assert found(store, word) == [1]


def test_words_that_are_none_find_nothing(draft: Draft) -> None:
    store = put(draft, ["pump"])
    assert found(store) == found(store, "") == found(store, " \n") == found(store, "\x00") == []
    assert found(store, "pump", limit=0) == []


def test_thousands_of_words_are_a_query(draft: Draft) -> None:
    store = put(draft, ["pump"], ["w77"], ["b"], ["c"])
    assert found(store, *(f"w{n}" for n in range(5000))) == [2]


def test_only_allowed_chunks_are_found(draft: Draft) -> None:
    store = put(draft, *(["pump", f"w{n}"] for n in range(9)))
    assert sorted(found(store, "pump", allowed=[2, 4, 77])) == [2, 4]
    assert found(store, "pump", allowed=[]) == []


def test_where_many_chunks_match_those_with_the_rarest_words_compete(
    draft: Draft, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = put(draft, *([["the", "pump"], ["the", "old", "pump"]] + [["the", "valve"]] * 20))
    exact = store.keyword_search(["the", "pump", "old"], 99, None)
    assert len(exact) == 22
    monkeypatch.setattr(store_module, "_MANY_MATCHES", 5)
    assert store.keyword_search(["the", "pump", "old", "unknown"], 99, None) == exact[:2]  # the same scores
    assert found(store, "the", "pump", allowed=[1, 9]) == [1]
    assert len(found(store, "the", "valve")) == 20
    assert len(found(store, "the")) == 22  # nothing rarer was asked for


def test_deleted_chunks_are_not_found(draft: Draft) -> None:
    store = put(draft, ["pump", "old"], ["pump"], ["c"], ["d"])
    draft.delete_document("0")
    assert found(store, "pump", "old") == [2]
