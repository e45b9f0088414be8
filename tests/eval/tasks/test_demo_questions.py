"""The questions about the project's own documents fit them, and most are answered rightly."""

import json
from pathlib import Path

import pytest

from appkit import Index
from eval.tasks.demo_questions import DOCUMENTS, QUESTIONS, ask_all
from tests.appkit.rag.chunks import WordEmbedder
from tests.helpers.real_models import real_model


def test_every_gold_text_stands_in_a_document(tmp_path: Path) -> None:
    golds = [json.loads(line)["gold"] for line in QUESTIONS.read_text("utf-8").splitlines()]
    with Index.sync(DOCUMENTS, embedder=WordEmbedder(), path=tmp_path) as index:
        texts = [index.document_text(document.source) for document in index.documents]
    assert [gold for gold in golds if not any(gold in text for text in texts)] == []


@pytest.mark.slow
def test_most_questions_are_answered_rightly_in_both_languages(tmp_path: Path) -> None:
    """Figures of 2026-11-24 are in eval/results/clapnq.md."""
    real_model("e5-small-multilingual")
    with Index.sync(DOCUMENTS, path=tmp_path) as index:
        outcomes = list(ask_all(index))
    english = [o for o in outcomes if o.question.isascii()]
    chinese = [o for o in outcomes if not o.question.isascii()]
    for some in (english, chinese):
        assert sum(o.is_right for o in some if o.gold) >= 0.75 * sum(bool(o.gold) for o in some)
        assert sum(o.is_right for o in some if not o.gold) >= 0.85 * sum(not o.gold for o in some)
