"""CLAPNQ is read as it is, and its measures can fail."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from appkit import Index
from eval.tasks.clapnq import as_markdown, ask_all, indexed, measure, run_name, summarise
from eval.tasks.clapnq_calibration import best_threshold, fit_logistic
from eval.tasks.clapnq_data import Clapnq, Question, load_clapnq
from tests.appkit.rag.chunks import COLOUR, WARRANTY, WordEmbedder
from tests.helpers.real_models import real_model
from tests.helpers.shared_data import shared_data

QUESTION = Question(
    id="1",
    text="How long is the warranty period?",
    file="warranty.md",
    same_title=("warranty.md",),
    answers=("The warranty period is two years.",),
    sentences=frozenset({"Thewarrantyperiodistwoyears."}),
    is_held_out=True,
)
NEAR = replace(QUESTION, id="2", text="Who invented the pump?", answers=(), sentences=frozenset())


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    clapnq = Clapnq({"warranty.md": WARRANTY, "colour.md": COLOUR}, (QUESTION,), (NEAR,))
    clapnq.write_documents(tmp_path / "passages")
    with Index.sync(tmp_path / "passages", embedder=WordEmbedder(), path=tmp_path / "index") as opened:
        yield opened


def test_every_question_is_asked_of_its_kinds(index: Index) -> None:
    assert [outcome.kind for outcome in ask_all(index, [QUESTION, NEAR])] == ["answerable", "absent", "near"]


def test_a_right_quote_counts_for_every_measure(index: Index) -> None:
    outcome = measure(QUESTION, "answerable", index.ask(QUESTION.text), index)
    assert outcome.f1 > 0.4
    assert (outcome.citations, outcome.cited_in_gold, outcome.cited_by_annotators, outcome.rank) == (1, 1, 1, 1)
    assert (outcome.dangling, outcome.not_substrings) == (0, 0)


def test_invented_citations_are_counted(index: Index) -> None:
    answer = index.ask(QUESTION.text)
    moved = replace(answer.citations[0], start=0, end=5000)
    false = replace(answer, text=f"{answer.text} and more [7]", citations=(moved,))
    outcome = measure(QUESTION, "answerable", false, index)
    assert (outcome.dangling, outcome.not_substrings) == (2, 1)


def test_an_answer_that_is_not_given_scores_nothing(index: Index) -> None:
    answer = replace(index.ask(QUESTION.text), answerable=False, citations=())
    summary = summarise([measure(QUESTION, "answerable", answer, index)])
    assert (summary["token F1"], summary["answerable: answered"]) == (0.0, 0.0)


def test_figures_become_a_table(index: Index) -> None:
    summary = summarise(list(ask_all(index, [QUESTION, NEAR])))
    section = as_markdown({"run": run_name("quotes", "", "minilm-l6", 5), "summary": {"all": summary}})
    assert section.splitlines()[:3] == ["## quotes, minilm-l6, 5 questions a kind", "", "| | all |"]
    assert "| dangling citations | 0 |" in section


def test_the_collection_is_read_whole() -> None:
    clapnq = load_clapnq(shared_data("clapnq"))
    assert (len(clapnq.answerable), len(clapnq.unanswerable), len(clapnq.documents)) == (150, 150, 298)
    assert all(question.answers and question.file in clapnq.documents for question in clapnq.answerable)
    assert not any(question.answers for question in clapnq.unanswerable)
    held_out = [question.is_held_out for question in clapnq.first(75)]
    assert held_out == [True] * 150


def test_logistic_regression_finds_the_weights_that_made_the_labels() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(4000, 2))
    labels = rng.random(4000) < 1 / (1 + np.exp(-(features @ [2.0, -1.0] + 0.5)))
    weights, bias = fit_logistic(features, labels.astype(float))
    np.testing.assert_allclose([*weights, bias], [2.0, -1.0, 0.5], atol=0.2)


def test_the_threshold_parts_what_can_be_parted() -> None:
    assert best_threshold(np.array([0.6, 0.9]), np.array([0.1, 0.5])) == 0.6


@pytest.mark.slow
def test_quotes_hold_over_all_questions(tmp_path: Path) -> None:
    """Figures of 2026-11-24: answered .91, near .77, absent .97, token F1 .53, citations in the gold passage .97."""
    real_model("minilm-l6")
    clapnq = load_clapnq(shared_data("clapnq"))
    with indexed(clapnq, "minilm-l6", tmp_path) as index:
        outcomes = list(ask_all(index, clapnq.first(None)))
    summary = summarise(outcomes)
    assert len(outcomes) == 450
    assert summary["dangling citations"] == summary["quotes that are no substrings"] == 0
    assert summary["token F1"] > 0.50
    assert summary["citations in the gold passage"] > 0.94
    assert summary["answerable: answered"] > 0.88
    assert summary["near: not answered"] > 0.72
    assert summary["absent: not answered"] > 0.93
