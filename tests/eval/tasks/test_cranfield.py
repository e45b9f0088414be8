"""Cranfield: the collection is read right, and hybrid search is better than either half."""

from pathlib import Path

import pytest

from appkit import LocalEmbedder
from appkit.retrieval.segmentation import search_words
from eval.metrics.ranking import ndcg_at
from eval.tasks.collection import Collection, indexed
from eval.tasks.cranfield import evaluate, half, load_cranfield
from tests.helpers.real_models import real_model
from tests.helpers.shared_data import shared_data


@pytest.fixture(scope="module")
def cranfield() -> Collection:
    return load_cranfield(shared_data("cranfield"))


def test_the_collection_is_whole(cranfield: Collection) -> None:
    assert (len(cranfield.passages), len(cranfield.queries)) == (1_400, 225)
    assert sum(len(query.grades) for query in cranfield.queries) == 1_837
    assert cranfield.passages["1"].startswith("experimental investigation of the aerodynamics of a wing")


def test_judgements_number_the_queries_as_they_stand(cranfield: Collection) -> None:
    third = cranfield.queries[2]  # <num> 4
    assert third.text == "what problems of heat conduction in composite slabs have been solved so far ."
    assert third.grades == {"5": 1, "6": 1, "90": 1, "91": 1, "119": 1, "144": 1, "181": 1, "399": 1, "485": 0}
    assert "slabs" in cranfield.passages["5"]


def test_the_halves_share_no_query(cranfield: Collection) -> None:
    odd, even = half(cranfield.queries, odd=True), half(cranfield.queries, odd=False)
    assert (len(odd), len(even)) == (113, 112)
    assert not {query.query_id for query in odd} & {query.query_id for query in even}


def test_shared_words_alone_are_a_start(cranfield: Collection) -> None:
    words = {name: set(search_words(text)) for name, text in cranfield.passages.items()}
    scores = []
    for query in cranfield.queries[:40]:
        asked = set(search_words(query.text))
        ranking = sorted(words, key=lambda name: -len(asked & words[name]) / (20 + len(words[name])))
        scores.append(ndcg_at(10, ranking, query.grades))
    assert sum(scores) / len(scores) > 0.1  # by chance it is 0.005: files and numbers belong together


@pytest.mark.slow
def test_hybrid_is_above_keywords_and_above_meaning(cranfield: Collection, tmp_path: Path) -> None:
    with LocalEmbedder(real_model("minilm-l6")) as embedder, indexed(cranfield.passages, embedder, tmp_path) as index:
        values = evaluate(index, half(cranfield.queries, odd=False))
    ndcg = {way: sum(columns["nDCG@10"]) / len(columns["nDCG@10"]) for way, columns in values.items()}
    assert ndcg["hybrid"] > ndcg["dense"] > ndcg["bm25"] > 0.3
