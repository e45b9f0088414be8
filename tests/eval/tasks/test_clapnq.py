"""CLAPNQ is read as it is, and its measures can fail."""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from appkit import Index
from appkit.errors import EvaluationDataError
from eval.harness.task import Answered, Sample
from eval.tasks.clapnq import ask, make_task
from eval.tasks.clapnq_calibration import best_threshold, fit_logistic
from eval.tasks.clapnq_data import Clapnq, Question, load_clapnq
from eval.tasks.clapnq_measures import clapnq_figures, clapnq_measures, measure
from tests.appkit.rag.chunks import COLOUR, WARRANTY, WordEmbedder
from tests.helpers.real_models import real_model
from tests.helpers.shared_data import shared_data

QUESTION = Question(
    id="1",
    text="How long is the warranty period?",
    file="warranty.md",
    title="Warranty",
    same_title=("warranty.md",),
    answers=("The warranty period is two years.",),
    sentences=frozenset({"Thewarrantyperiodistwoyears."}),
    is_held_out=True,
)
NEAR = replace(QUESTION, id="2", text="Who invented the pump?", answers=(), sentences=frozenset())


@pytest.fixture
def with_rouge() -> None:
    pytest.importorskip("rouge_score", reason="rouge_score is in the extra 'eval', which is not installed")


@pytest.fixture
def index(tmp_path: Path, with_rouge: None) -> Iterator[Index]:
    clapnq = Clapnq({"warranty.md": WARRANTY, "colour.md": COLOUR}, (QUESTION,), (NEAR,))
    clapnq.write_documents(tmp_path / "passages")
    with Index.sync(tmp_path / "passages", embedder=WordEmbedder(), path=tmp_path / "index") as opened:
        yield opened


def test_a_right_quote_counts_for_every_measure(index: Index) -> None:
    answered = ask(index, None, "answerable", QUESTION)
    values = answered.values
    assert min(values["token_f1"], values["rougeL"]) > 0.4
    assert [values[name] for name in ("citations", "cited_in_gold", "cited_by_annotators", "recall@1")] == [1.0] * 4
    assert [values[name] for name in ("abstained", "dangling", "misquoted")] == [0.0] * 3
    assert answered.notes["citations"][0]["quote"] == "The warranty period is two years."
    assert "_s" not in json.dumps(answered.notes)  # no seconds: another run ends with the same bytes


def test_a_question_is_asked_without_the_passages_of_its_article(index: Index) -> None:
    answered = ask(index, None, "absent", QUESTION)
    assert {hit["file"] for hit in answered.notes["retrieved"]} == {"colour.md"}
    assert answered.values["abstained_absent"] == answered.values["abstention_recall"] == answered.values["abstained"]
    assert "rougeL" not in answered.values


def test_invented_citations_are_counted(index: Index) -> None:
    answer = index.ask(QUESTION.text)
    moved = replace(answer.citations[0], start=0, end=5000)
    false = replace(answer, text=f"{answer.text} and more [7]", citations=(moved,))
    values = measure(QUESTION, "answerable", false, index)
    assert (values["dangling"], values["misquoted"]) == (2, 1)


def test_an_answer_that_is_not_given_scores_nothing(index: Index) -> None:
    answer = replace(index.ask(QUESTION.text), answerable=False, citations=())
    values = measure(QUESTION, "answerable", answer, index)
    assert (values["token_f1"], values["rougeL"], values["answered"], values["abstained"]) == (0, 0, 0, 1)


@pytest.mark.usefixtures("with_rouge")
def test_precision_is_of_all_citations_and_of_all_abstentions() -> None:
    # three answerable questions with 3, 1 and no citations, the last of them refused; two near ones, one refused
    rows = [
        {"citations": 3, "cited_in_gold": 1, "cited_by_annotators": 0, "answered": 1, "abstained": 0},
        {"citations": 1, "cited_in_gold": 1, "cited_by_annotators": 1, "answered": 1, "abstained": 0},
        {"citations": 0, "cited_in_gold": 0, "cited_by_annotators": 0, "answered": 0, "abstained": 1},
        {"abstention_recall": 1, "abstained_near": 1, "abstained": 1},
        {"abstention_recall": 0, "abstained_near": 0, "abstained": 0},
    ]
    samples = [Sample(doc_id=idx, doc={}, target=[], cluster=f"page {idx}") for idx in range(len(rows))]
    answers = [Answered(arguments=(), resps=(), filtered_resps=(), values=row) for row in rows]
    figures = clapnq_figures(clapnq_measures(), samples, answers)
    assert {name: (figure.value, figure.n) for name, figure in figures.items()} == {
        "citation_precision": (0.5, 2),
        "cited_sentences": (0.25, 2),
        "abstention_precision": (0.5, 2),
        "abstention_recall": (0.5, 2),
        "answered": (pytest.approx(2 / 3), 3),
        "abstained_near": (0.5, 2),
    }
    without = clapnq_figures(clapnq_measures(), samples[:2], answers[:2])
    assert "abstention_precision" not in without  # nobody abstained: there is nothing to divide by


def test_the_collection_is_read_whole() -> None:
    clapnq = load_clapnq(shared_data("clapnq"))
    assert (len(clapnq.answerable), len(clapnq.unanswerable), len(clapnq.documents)) == (150, 150, 298)
    assert all(question.answers and question.file in clapnq.documents for question in clapnq.answerable)
    assert not any(question.answers for question in clapnq.unanswerable)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"id": 1}', "Row 1 of .*answerable.jsonl is no question of CLAPNQ: KeyError 'passages'"),
        ("[1]", "Line 1 of .* should be an object"),
        ("{", "Line 1 of .* is not JSON"),
    ],
    ids=["fields", "no object", "no JSON"],
)
def test_what_is_no_collection_is_named(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "answerable.jsonl").write_text(content, "utf-8")
    with pytest.raises(EvaluationDataError, match=message):
        load_clapnq(tmp_path)


def test_logistic_regression_finds_the_weights_that_made_the_labels() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(4000, 2))
    labels = rng.random(4000) < 1 / (1 + np.exp(-(features @ [2.0, -1.0] + 0.5)))
    weights, bias = fit_logistic(features, labels.astype(float))
    np.testing.assert_allclose([*weights, bias], [2.0, -1.0, 0.5], atol=0.2)


def test_the_threshold_parts_what_can_be_parted() -> None:
    assert best_threshold(np.array([0.6, 0.9]), np.array([0.1, 0.5])) == 0.6


@pytest.mark.slow
@pytest.mark.usefixtures("with_rouge")
def test_quotes_hold_over_all_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures of 2026-11-24: answered .91, near .77, absent .97, token F1 .53, citations in the gold passage .97."""
    real_model("minilm-l6")
    monkeypatch.setenv("APPKIT_DATA", str(shared_data("clapnq").parent))
    with make_task({"questions": "all"}).open(None, None) as session:
        figures = session.figures(session.samples, [session.ask(sample) for sample in session.samples])
    assert len(session.samples) == 450
    assert figures["dangling"].value == figures["misquoted"].value == 0
    assert figures["token_f1"].value > 0.50
    assert figures["citation_precision"].value > 0.94
    assert figures["answered"].value > 0.88
    assert figures["abstained_near"].value > 0.72
    assert figures["abstained_absent"].value > 0.93


@pytest.mark.usefixtures("with_rouge")
def test_a_limit_counts_the_questions_of_each_part_and_held_out_ones_come_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("eval.tasks.clapnq.indexed", lambda *_: nullcontext())  # no passage is searched here
    monkeypatch.setenv("APPKIT_DATA", str(shared_data("clapnq").parent))
    with make_task({}).open(None, 2) as session:
        assert [sample.doc["part"] for sample in session.samples] == ["answerable"] * 2 + ["absent"] * 2 + ["near"] * 2
        assert [sample.doc_id for sample in session.samples] == [0, 1, 75, 76, 150, 151]
    with make_task({"questions": "all"}).open(None, 80) as session:
        assert [sample.doc["is_held_out"] for sample in session.samples] == ([True] * 75 + [False] * 5) * 3
