"""Cranfield: the collection is read right, and hybrid search is better than either half."""

from dataclasses import replace
from pathlib import Path

import pytest

from appkit import LocalEmbedder
from appkit.errors import EvaluationDataError
from appkit.retrieval.segmentation import search_words
from eval.harness.task import Sample
from eval.metrics.ranking import ndcg_at
from eval.tasks.collection import Collection, indexed
from eval.tasks.cranfield import ask, make_task
from eval.tasks.cranfield_data import half, load_cranfield
from eval.tasks.cranfield_study import evaluate
from tests.appkit.rag.chunks import WordEmbedder
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


PASSAGES = {"1": "the lift of a swept wing", "2": "heat in a composite slab", "3": "buckling of a thin shell"}


def test_a_query_is_measured_by_where_its_passages_stand(tmp_path: Path) -> None:
    sample = Sample(doc_id=0, doc={"id": "1", "query": "lift of a wing"}, target={"1": 1, "3": 0})
    with indexed(PASSAGES, WordEmbedder(), tmp_path) as index:
        right = ask(index, "bm25", sample)
        wrong = ask(index, "bm25", replace(sample, target={"2": 1}))
    assert right.filtered_resps[0][0] == "1"
    assert right.values == {"nDCG@10": 1.0, "recall@10": 1.0, "recall@100": 1.0, "MRR": 1.0, "MAP": 1.0}
    assert wrong.values["MRR"] < 1


def test_a_task_searches_without_a_model() -> None:
    task = make_task({"search": "bm25", "embedder": "e5-small-multilingual"})
    assert (task.needs_model, task.output_type) == (False, "retrieval")
    assert task.settings == {"search": "bm25", "embedder": "e5-small-multilingual"}
    with pytest.raises(ValueError, match="choose one of hybrid, dense, bm25"):
        make_task({"search": "fuzzy"})


def test_what_is_no_collection_is_named(tmp_path: Path) -> None:
    (tmp_path / "cran.all.1400.xml").write_text("<docno>1</docno><text>wing</text>", "utf-8")
    (tmp_path / "cran.qry.xml").write_text("<top><title>wing</title></top>", "utf-8")
    (tmp_path / "cranqrel.trec.txt").write_text("1 0 1\n", "utf-8")
    with pytest.raises(EvaluationDataError, match=r"Line 1 of .*cranqrel\.trec\.txt is no judgement: '1 0 1'"):
        load_cranfield(tmp_path)
    (tmp_path / "cranqrel.trec.txt").write_text("1 0 7 1\n", "utf-8")
    with pytest.raises(EvaluationDataError, match="not there"):
        load_cranfield(tmp_path)


@pytest.mark.slow
def test_hybrid_is_above_keywords_and_above_meaning(cranfield: Collection, tmp_path: Path) -> None:
    with LocalEmbedder(real_model("minilm-l6")) as embedder, indexed(cranfield.passages, embedder, tmp_path) as index:
        values = evaluate(index, half(cranfield.queries, odd=False))
    ndcg = {way: sum(columns["nDCG@10"]) / len(columns["nDCG@10"]) for way, columns in values.items()}
    assert ndcg["hybrid"] > ndcg["dense"] > ndcg["bm25"] > 0.3
