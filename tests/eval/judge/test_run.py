"""`judge_run` on runs of the smoke questions: every answer is judged with its question and reference, and kept."""

from pathlib import Path

import pytest

from appkit import ScriptedModel, TemplateError
from appkit.errors import EvaluationError
from eval.harness.compare import compare_runs
from eval.harness.run import Run, evaluate
from eval.judge import judge_run
from runtime.errors import CatalogError
from tests.eval.judge.judges import Opinion, judge, prefers

QUESTIONS = 6


def run_of(tmp_path: Path, answer: str, limit: int = QUESTIONS) -> Run:
    model = ScriptedModel([answer], name=answer.split()[0], repeats=True)
    return evaluate("smoke", model, limit=limit, output=tmp_path / answer.split()[0])


def likes(text: str) -> Opinion:
    """Grades 4 for an answer that holds `text`, else 2, and is three quarters sure."""

    def opinion(shown: str) -> dict[str, float]:
        grade = "4" if text in shown.partition("Answer to grade:")[2] else "2"
        return {each: 0.6 if each == grade else 0.05 for each in "12345"}

    return opinion


def test_every_answer_is_graded_with_its_question_and_reference(tmp_path: Path) -> None:
    run = run_of(tmp_path, "Paris is it.")
    model = judge(likes("Paris"))
    shown: list[str] = []
    scoring = model.score
    model.score = lambda prompt, text: (shown.append(prompt[-1].content), scoring(prompt, text))[1]  # type: ignore[method-assign]
    judged = judge_run(run.folder, model, output=tmp_path / "judged")
    assert judged.figures["grade"].value == 4.0
    assert judged.figures["grade"].interval == (4.0, 4.0)
    assert judged.figures["expected_grade"].value == pytest.approx((4 * 0.6 + 0.05 * (1 + 2 + 3 + 5)) / 0.8)
    assert (judged.figures["failed"].value, judged.figures["failed"].n) == (0.0, QUESTIONS)
    assert "Question:\n<text>\nWhat is the capital of France?\n</text>" in shown[0]
    assert "A right answer:\n<text>\nParis\n</text>" in shown[0]
    assert "Answer to grade:\n<text>\nParis is it.\n</text>" in shown[0]


def test_answers_too_long_for_the_judge_are_counted_and_the_rest_is_graded(tmp_path: Path) -> None:
    run = run_of(tmp_path, "Paris is it.")
    model = judge(likes("Paris"))
    calls = iter(range(1000))
    always_fails = judge(lambda shown: dict.fromkeys("12345", 0.0))
    model.score_many = lambda prompt, texts: (  # type: ignore[method-assign]
        (always_fails if next(calls) < 2 else judge(likes("Paris"))).score_many(prompt, texts)
    )
    judged = judge_run(run.folder, model, output=tmp_path / "judged")
    assert judged.figures["failed"].value == pytest.approx(2 / QUESTIONS)
    assert (judged.figures["grade"].value, judged.figures["grade"].n) == (4.0, QUESTIONS - 2)
    notes = [answered.notes for _, answered in judged.samples]
    assert sum("log-probabilities" in note.get("failure", "") for note in notes) == 2


def test_two_runs_are_compared_in_both_orders(tmp_path: Path) -> None:
    good, bad = run_of(tmp_path, "Paris is it."), run_of(tmp_path, "Cheese is nice.")
    judged = judge_run(good.folder, prefers("Paris"), against=bad.folder, output=tmp_path / "judged")
    assert judged.figures["win_rate"].value == 1.0
    assert judged.figures["probability"].value == pytest.approx(0.9)
    assert judged.figures["position_decides"].value == 0.0
    other = judge_run(bad.folder, prefers("Paris"), against=good.folder, output=tmp_path / "other")
    assert other.figures["win_rate"].value == 0.0


def test_grades_of_two_judged_runs_compare_answer_by_answer(tmp_path: Path) -> None:
    judged = [
        judge_run(run_of(tmp_path, answer).folder, judge(likes("Paris")), output=tmp_path / f"judged-{answer[:5]}")
        for answer in ("Paris is it.", "Cheese is nice.")
    ]
    found = {each.measure.name: each for each in compare_runs(*judged).measures}
    assert found["grade"].difference is not None
    assert found["grade"].difference.value == -2.0
    assert found["grade"].p_value == pytest.approx(2 / 2**QUESTIONS)


def test_judging_again_goes_on_from_what_is_there(tmp_path: Path) -> None:
    run = run_of(tmp_path, "Paris is it.")
    judge_run(run.folder, judge(likes("Paris")), output=tmp_path / "judged")
    before = (tmp_path / "judged" / "samples.jsonl").read_bytes()
    silent = judge(lambda shown: pytest.fail("it was asked again"))
    assert judge_run(run.folder, silent, output=tmp_path / "judged").figures["grade"].value == 4.0
    assert (tmp_path / "judged" / "samples.jsonl").read_bytes() == before


def test_a_judge_that_is_missing_is_the_sentence_of_the_catalog(tmp_path: Path) -> None:
    run = run_of(tmp_path, "Paris is it.", limit=1)
    with pytest.raises(CatalogError, match="no-such-judge"):
        judge_run(run.folder, "no-such-judge")


def test_what_cannot_be_judged_is_refused(tmp_path: Path) -> None:
    run, model = run_of(tmp_path, "Paris is it."), judge(likes("Paris"))
    with pytest.raises(EvaluationError, match="holds no results"):
        judge_run(tmp_path / "nowhere", model)
    with pytest.raises(TemplateError, match="judge/nothing"):
        judge_run(run.folder, model, "judge/nothing")
    shorter = run_of(tmp_path, "Short one.", limit=2)
    with pytest.raises(EvaluationError, match=r"6 documents in .*, 2 in .*, 2 of them shared"):
        judge_run(run.folder, model, against=shorter.folder)
    undecided = judge(lambda shown: dict.fromkeys("12345AB", 0.0))
    chosen = evaluate("judge_pairs", undecided, limit=1, output=tmp_path / "pairs")
    with pytest.raises(EvaluationError, match="holds no written answers but None"):
        judge_run(chosen.folder, model)
    with pytest.raises(ValueError, match="choose run=FOLDER"):
        evaluate("judge_grade", model)
    with pytest.raises(EvaluationError, match="has no text 'questoin'; it has id, question, accept"):
        evaluate("judge_grade", model, settings={"run": str(run.folder), "question": "questoin"})
