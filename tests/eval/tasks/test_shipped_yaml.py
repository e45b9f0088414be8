"""The tasks over our own data: what they show, what a perfect answer scores, and what knowing nothing scores.

The figures of knowing nothing are those of eval/results/own-data.md, where those of a model stand beside them.
"""

import math
import random
from collections.abc import Mapping
from pathlib import Path

import pytest

from appkit import ScriptedModel
from eval.harness.registry import find_task
from eval.harness.run import evaluate
from eval.harness.task import Sample
from eval.metrics import Figure
from eval.tasks.own_data import (
    CHOICES,
    SUMMARIES,
    TRANSLATIONS,
    baselines,
    first_sentences,
    main,
    material,
    record,
    samples_of,
    written,
)

for package in ("sacrebleu", "rouge_score"):
    pytest.importorskip(package, reason=f"{package} is in the extra 'eval', which is not installed")


def figures_of(name: str, model: ScriptedModel) -> Mapping[str, Figure]:
    with find_task(name).open(model, None) as session:
        answers = [session.ask(sample) for sample in session.samples]
        return session.figures(session.samples, answers)


def by_shown(name: str, field: str) -> dict[str, Sample]:
    """Samples by the text that is shown."""
    return {sample.doc[field]: sample for sample in samples_of(name)}


@pytest.mark.parametrize("name", TRANSLATIONS)
class TestTranslation:
    def test_a_reference_of_either_wording_scores_full_marks(self, name: str) -> None:
        source, goal = TRANSLATIONS[name]
        samples = by_shown(name, source)
        for number in (0, 1):
            figures = written(name, lambda shown: samples[material(shown)].doc[f"{goal}_references"][number])  # noqa: B023
            assert [figures["chrf"].value, figures["bleu"].value] == pytest.approx([100, 100])

    def test_what_knows_nothing_scores_far_below_another_person(self, name: str) -> None:
        found = baselines(name)
        for measure in ("chrf", "bleu"):
            copied, other, person = (figures[measure].value for figures in found.values())
            assert copied < 2
            assert other < person / 2


@pytest.mark.parametrize("name", SUMMARIES)
class TestSummaries:
    def test_a_reference_scores_full_marks(self, name: str) -> None:
        samples = by_shown(name, "document")
        figures = written(name, lambda shown: samples[material(shown)].doc["summaries"][1])
        assert {measure: figure.value for measure, figure in figures.items()} == dict.fromkeys(
            ("rougeL", "rouge1", "rouge2"), pytest.approx(1)
        )

    def test_the_beginning_and_the_whole_text_score_less_than_another_person(self, name: str) -> None:
        first, two, whole, person = (figures["rougeL"].value for figures in baselines(name).values())
        assert 0.08 < first < two < person
        assert whole < person


@pytest.mark.parametrize("name", CHOICES)
class TestChoices:
    def test_a_model_that_knows_is_always_right(self, name: str) -> None:
        right = {sample.doc["question"]: sample.doc["choices"][sample.doc["answer"]] for sample in samples_of(name)}

        def score(prompt: str, continuation: str) -> list[float]:
            is_right = continuation.strip() == next(text for question, text in right.items() if question in prompt)
            return [-0.1 if is_right else -3.0] * len(continuation)

        assert figures_of(name, ScriptedModel(["-"], score=score))["acc_norm"].value == 1.0

    def test_a_model_that_knows_nothing_is_right_a_quarter_of_the_time(self, name: str) -> None:
        rng = random.Random(0)
        model = ScriptedModel(["-"], score=lambda prompt, text: [math.log(rng.random())] * len(text))
        assert 0.1 < figures_of(name, model)["acc_norm"].value < 0.4

    def test_no_length_is_right_much_more_often_than_a_quarter(self, name: str) -> None:
        anything, longest, shortest = (figures["acc"].value for figures in baselines(name).values())
        assert anything == 0.25
        assert longest == pytest.approx(0.25, abs=0.06)
        assert shortest == pytest.approx(0.25, abs=0.06)

    def test_the_question_is_shown_before_each_choice_and_nothing_else(self, name: str) -> None:
        with find_task(name).open(ScriptedModel(["-"], score=lambda prompt, text: [-1.0] * len(text)), 1) as session:
            answered = session.ask(session.samples[0])
        question, choices = (session.samples[0].doc[key] for key in ("question", "choices"))
        before, blank = (
            (f"Question: {question}\nAnswer:", " ") if name == "choices_en" else (f"问题：{question}\n回答：", "")
        )
        assert [list(pair) for pair in answered.arguments] == [[before, blank + choice] for choice in choices]


@pytest.mark.parametrize("name", [*TRANSLATIONS, *SUMMARIES])
def test_the_instruction_comes_first_and_then_the_text(name: str) -> None:
    with find_task(name).open(ScriptedModel(["-"]), 1) as session:
        answered = session.ask(session.samples[0])
    (shown,) = answered.arguments[0][0]
    assert shown["role"] == "user"
    assert material(shown["content"]) in session.samples[0].doc.values()
    assert len(shown["content"].partition("\n\n")[0]) < 80


def test_sentences_end_where_they_do_in_both_languages() -> None:
    assert first_sentences("One. Two? Three", 2) == "One. Two?"
    assert first_sentences("一。“二！”三。", 2) == "一。“二！”"


def test_the_page_holds_models_below_what_knows_nothing(tmp_path: Path) -> None:
    run = evaluate("summaries_en", ScriptedModel(["A text."], name="terse", repeats=True), output=tmp_path / "run")
    page = record("summaries_en", {run.model: run.figures}, tmp_path).read_text("utf-8")
    assert "`appkit eval run summaries_en -m terse; python -m eval.tasks.own_data`" in page
    lines = [line.partition(" |")[0] for line in page.splitlines() if line.startswith("| ")]
    assert lines[-5:] == [
        "| the first sentence",
        "| the first two sentences",
        "| the whole text",
        "| another person",
        "| terse",
    ]


def test_a_run_of_another_task_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate("smoke", ScriptedModel(["no"], repeats=True), limit=1, output=tmp_path)
    assert main([str(tmp_path)]) == 1
    assert "is a run of smoke, none of translation_zh_en" in capsys.readouterr().err
