"""Means, tables and collections of retrieval tasks."""

import pytest

from eval.tasks.collection import Collection, Query, ranked_passages
from eval.tasks.retrieval_figures import as_table, compare, means, measure

QUERIES = (Query("1", "first", {"a": 1}), Query("2", "second", {"b": 1, "c": 0}))


def test_every_query_counts_the_same() -> None:
    values = measure(QUERIES, [["a", "b"], ["c", "b"]], ["recall@1", "MRR"])
    assert values == {"recall@1": [1.0, 0.0], "MRR": [1.0, 0.5]}
    assert means(values) == {"recall@1": 0.5, "MRR": 0.75}


def test_a_difference_is_paired_by_query() -> None:
    difference = compare([0.5, 1.0], [0.25, 0.75])
    assert difference == {"mean": 0.25, "low": 0.25, "high": 0.25}


def test_the_best_of_a_column_is_bold() -> None:
    table = as_table({"bm25": {"MRR": 0.25}, "hybrid": {"MRR": 0.5}}, "search")
    assert table.splitlines() == ["| search | MRR |", "|---|---|", "| bm25 | 0.250 |", "| hybrid | **0.500** |"]


def test_a_query_without_an_answer_is_no_part_of_a_collection() -> None:
    with pytest.raises(ValueError, match="Query 2 has no relevant passage"):
        Collection({"a": "text"}, (QUERIES[0], Query("2", "second", {"a": 0})))
    with pytest.raises(ValueError, match="not there"):
        Collection({"b": "text"}, QUERIES[:1])


def test_a_passage_stands_where_its_best_chunk_does() -> None:
    from appkit.retrieval.documents import Chunk, Hit

    hits = [
        Hit(chunk=Chunk(source=source, start=0, end=1, text="x"), score=1.0)
        for source in ("en/b.txt", "a.txt", "en/b.txt")
    ]
    assert ranked_passages(hits) == ["en/b", "a"]
