"""A finished run becomes a section of its task's page, with the command that makes it again."""

import json
from pathlib import Path

import pytest

from appkit import LocalModel, ScriptedModel
from appkit.errors import EvaluationError
from eval.harness.run import evaluate
from eval.tasks.record_run import main, record_run
from tests.helpers.tiny_model import write_tiny_model


def test_a_run_is_recorded_with_its_figures_and_its_command(tmp_path: Path) -> None:
    model = ScriptedModel(["Paris."], name="scripted", repeats=True)
    run = evaluate("smoke", model, limit=3, settings={"system": "Be brief."}, output=tmp_path / "run")
    page = record_run(run, tmp_path).read_text("utf-8")
    figure = run.figures["acc"]
    assert page.startswith("# smoke\n\nThirty easy questions")
    assert "## system Be brief., scripted, limit 3" in page
    assert f"| acc | {figure.value:.4g} | {figure.interval[0]:.4g} to {figure.interval[1]:.4g} | 3 | Wilson" in page
    assert "`appkit eval run smoke -m scripted --limit 3 --set 'system=Be brief.'`" in page
    stored = json.loads((tmp_path / "smoke.json").read_text("utf-8"))["system Be brief., scripted, limit 3"]
    assert stored["figures"]["acc"]["value"] == figure.value


def test_a_page_of_perplexity_says_how_the_text_was_cut_and_what_was_scored(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("the cat on the other mat " * 20, "utf-8")
    with LocalModel(write_tiny_model(tmp_path / "tiny.gguf"), num_threads=1) as model:
        run = evaluate("perplexity", model, settings={"file": str(text), "window": "64"}, output=tmp_path / "run")
    page = record_run(run, tmp_path).read_text("utf-8")
    assert "- window: 64 tokens\n" in page
    assert f"tokens, {len(text.read_bytes()):,} bytes" in page
    assert "- ± of the perplexity, were tokens independent" in page
    assert "Signatures: perplexity `recipe:rolling|window:64|stride:default|start:model`" in page


def test_a_run_about_another_run_has_no_page(tmp_path: Path) -> None:
    asked = evaluate("smoke", ScriptedModel(["It is Tokyo."], repeats=True), limit=1, output=tmp_path / "asked")
    judged = evaluate(
        "judge_grade",
        ScriptedModel(["3"], repeats=True),
        settings={"run": str(asked.folder)},
        output=tmp_path / "judged",
    )
    with pytest.raises(EvaluationError, match="judge_grade is about another run"):
        record_run(judged, tmp_path)


def test_a_folder_without_a_run_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "holds no results.json" in err
