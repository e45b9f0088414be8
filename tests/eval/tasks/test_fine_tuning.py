"""The page of the example that fine-tunes: what two runs of it say, sample by sample."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from appkit import ScriptedModel, evaluate
from eval.tasks import fine_tuning
from eval.tasks.fine_tuning import as_markdown, summarise
from tests.helpers.shared_data import ROOT

ROWS = [("a chess engine", "games"), ("an inbox reader", "mail"), ("a font of dots", "fonts"), ("a web server", "web")]


def model_that_knows(texts: Sequence[str]) -> ScriptedModel:
    """One that finds the right section likely for `texts`, and "admin" for all else."""

    def likelihood(prompt: str, continuation: str) -> list[float]:
        wanted = next((section for text, section in ROWS if text in prompt and text in texts), "admin")
        return [-0.1 if continuation == wanted else -2.0] * len(continuation)

    return ScriptedModel(["x"], score=likelihood)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a run of the example leaves: one of four right before, three after."""
    task = tmp_path / "debian_sections.yaml"
    task.write_bytes((ROOT / "examples" / task.name).read_bytes())
    rows = [{"text": text, "section": section} for text, section in ROWS]
    (tmp_path / "held_out.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "train.jsonl").write_text("{}\n" * 12)
    texts = [text for text, _ in ROWS]
    evaluate(task, model_that_knows(texts[:1]), output=tmp_path / "before")
    evaluate(task, model_that_knows(texts[:3]), output=tmp_path / "after")
    return tmp_path


def test_before_after_and_the_difference_of_the_same_samples(folder: Path) -> None:
    found = summarise(folder)
    assert (found["lines"], found["questions"], len(found["evaluation_s"])) == (12, 4, 2)
    assert [found[name]["value"] for name in ("before", "after", "difference")] == [0.25, 0.75, 0.5]
    assert found["difference"]["interval"] == (0.0, 1.0)


def test_the_page_shows_them_with_their_intervals(folder: Path) -> None:
    page = as_markdown({"seed": 3, **summarise(folder), "training_s": 100, "evaluation_s": [60, 70]})
    assert "## Seed 3\n\n12 lines learnt, 4 others asked." in page
    assert "| difference | 0.500 | 0.000 … 1.000 |" in page
    assert "Evaluating took 60 s, training 100 s, evaluating again 70 s." in page


def test_a_run_that_fails_is_not_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no apt-cache
    monkeypatch.setattr(fine_tuning, "write_results", pytest.fail)
    assert fine_tuning.main([str(tmp_path / "runs"), "--write"]) == 1
