"""Grades the answers of an earlier run by a rubric, with the model of this run as the judge.

The documents are those of the judged run, so that two runs of one task, judged alike, are compared answer by answer.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from appkit import LanguageModel
from eval.harness.task import Answered, Measure, Sample
from eval.judge import Rating, rate
from eval.judge.aggregate import grade_figure
from eval.judge.rating import DEFAULT_RUBRIC, DEFAULT_SCALE
from eval.judge.rubric import prompt_for
from eval.metrics import Figure
from eval.tasks.judged_answers import JudgedAnswer, read_answers, required_run, rubric_digest
from eval.tasks.mean_figures import clusters_of, mean_figures
from eval.tasks.python_task import AskedSession, PythonTask, in_flight
from eval.tasks.task_settings import check_known, text

ABOUT = "grades from 1 to 5 for the answers of an earlier run (run=FOLDER), by a rubric"
SETTINGS = {
    "run": "the folder of the run whose answers are graded",
    "rubric": f"the prompt that asks for a grade; {DEFAULT_RUBRIC} unless given",
    "question": "the field of a document that holds the question; what the model was asked unless given",
}


def make_task(settings: Mapping[str, Any]) -> PythonTask:
    """The task.

    Raises:
        ValueError: settings it does not have, or no run.
        EvaluationError: the run cannot be read, or holds no written answers.
        TemplateError: there is no such rubric.
    """
    check_known("judge_grade", settings, SETTINGS)
    run = required_run("judge_grade", settings, "run")
    rubric = text(settings, "rubric") or DEFAULT_RUBRIC
    field = text(settings, "question")
    answers = read_answers(run, field)
    digest = rubric_digest(rubric, [answer.question for answer in answers])
    measures = _measures(f"rubric:{rubric}|sha256:{digest[:8]}|scale:1-5|of:{run.task}")
    return PythonTask(
        name="judge_grade",
        about=ABOUT,
        version="1",
        output_type="multiple_choice",
        measures=measures,
        settings={
            "rubric": rubric,
            "rubric_sha256": digest,
            "question": field,
            "judged_task": run.task,
            "judged_model": run.model,
            "samples_sha256": run.results["appkit"]["samples"]["sha256"],
        },
        open_session=partial(_open, answers, rubric, measures),
    )


def _measures(signature: str) -> tuple[Measure, ...]:
    return (
        Measure(name="grade", signature=signature),  # of those that have one
        Measure(name="expected_grade", signature=signature),
        Measure(name="confidence", signature=signature),
        Measure(name="failed", higher_is_better=False, signature=signature),  # of all
    )


@contextmanager
def _open(
    answers: Sequence[JudgedAnswer],
    rubric: str,
    measures: Sequence[Measure],
    model: LanguageModel | None,
    limit: int | None,
) -> Iterator[AskedSession]:
    assert model is not None
    by_id = {answer.sample.doc_id: answer for answer in answers}
    yield AskedSession(
        samples=[answer.sample for answer in answers][:limit],
        ask=lambda sample: _ask(model, rubric, by_id[sample.doc_id]),
        figures=partial(_figures, measures),
        max_in_flight=in_flight(model),
    )


def _ask(model: LanguageModel, rubric: str, judged: JudgedAnswer) -> Answered:
    takes_reference = "reference" in prompt_for(rubric, judged.question).variables
    reference = judged.reference if takes_reference else None
    rating = rate(model, judged.question, judged.answer, rubric, reference=reference)
    shown = {"answer": judged.answer, **({} if reference is None else {"reference": reference})}
    return Answered(
        arguments=[(judged.question, shown)],
        resps=[{str(grade): share for grade, share in rating.probabilities.items()}],
        filtered_resps=[rating.grade],
        values=_values(rating),
        notes={"failure": rating.failure} if rating.failure else {"mass": rating.mass},
    )


def _figures(measures: Sequence[Measure], samples: Sequence[Sample], answers: Sequence[Answered]) -> dict[str, Figure]:
    """The means, those of grades on their scale."""
    figures = mean_figures(measures, samples, answers)
    for name in ("grade", "expected_grade"):
        graded = [
            (answer.values[name], sample)
            for sample, answer in zip(samples, answers, strict=True)
            if name in answer.values
        ]
        if graded:
            clusters = clusters_of([sample for _, sample in graded])
            figures[name] = grade_figure([value for value, _ in graded], DEFAULT_SCALE, clusters=clusters)
    return figures


def _values(rating: Rating) -> dict[str, float]:
    values = {"grade": rating.grade, "expected_grade": rating.expected, "confidence": rating.confidence}
    known = {name: float(value) for name, value in values.items() if value is not None}
    return {**known, "failed": float(bool(rating.failure))}
