"""Which of two earlier runs answers better, with the model of this run as the judge, asked in both orders."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from typing import Any

from appkit import LanguageModel
from appkit.errors import EvaluationError
from eval.harness.stored_run import Run
from eval.harness.task import Answered, Measure
from eval.judge import Preference, prefer
from eval.judge.aggregate import WIN_VALUE
from eval.judge.preference import PAIR_RUBRIC
from eval.tasks.judged_answers import JudgedAnswer, read_answers, required_run, rubric_digest
from eval.tasks.mean_figures import mean_figures
from eval.tasks.python_task import AskedSession, PythonTask, in_flight
from eval.tasks.task_settings import check_known, text

ABOUT = "which of two earlier runs (run=FOLDER, against=FOLDER) answers better, asked in both orders"
SETTINGS = {
    "run": "the folder of the run whose win rate is measured",
    "against": "the folder of the run it is compared with, of the same task",
    "rubric": f"the prompt that compares two answers; {PAIR_RUBRIC} unless given",
    "question": "the field of a document that holds the question; what the model was asked unless given",
}


def make_task(settings: Mapping[str, Any]) -> PythonTask:
    """The task.

    Raises:
        ValueError: settings it does not have, or a run is missing.
        EvaluationError: a run cannot be read, holds no written answers, or the two were not asked the same.
        TemplateError: there is no such rubric.
    """
    check_known("judge_prefer", settings, SETTINGS)
    run, other = (required_run("judge_prefer", settings, name) for name in ("run", "against"))
    rubric = text(settings, "rubric") or PAIR_RUBRIC
    field = text(settings, "question")
    pairs = _pairs(run, other, field)
    digest = rubric_digest(rubric, [answer.question for answer, _ in pairs])
    measures = _measures(f"rubric:{rubric}|sha256:{digest[:8]}|of:{run.task}")
    return PythonTask(
        name="judge_prefer",
        about=ABOUT,
        version="1",
        output_type="multiple_choice",
        measures=measures,
        settings={
            "rubric": rubric,
            "rubric_sha256": digest,
            "question": field,
            "judged_task": run.task,
            "judged_models": [run.model, other.model],
            "samples_sha256": [each.results["appkit"]["samples"]["sha256"] for each in (run, other)],
        },
        open_session=partial(_open, pairs, rubric, measures),
    )


def _measures(signature: str) -> tuple[Measure, ...]:
    return (
        Measure(name="win_rate", signature=signature),  # of the first run; a tie counts half
        Measure(name="probability", signature=signature),  # that it is better, both orders averaged
        Measure(name="position_decides", higher_is_better=False, signature=signature),  # a tie: the orders disagree
        Measure(name="position_pull", higher_is_better=False, signature=signature),  # 0 to 0.5, see `judge_pairs`
        Measure(name="failed", higher_is_better=False, signature=signature),  # of all; the others of the rest
    )


def _pairs(run: Run, other: Run, field: str | None) -> list[tuple[JudgedAnswer, JudgedAnswer]]:
    """The answers of both to the same documents."""
    answers, others = read_answers(run, field), read_answers(other, field)
    docs = [{each.sample.doc_id: each.sample.doc for each in some} for some in (answers, others)]
    if docs[0] != docs[1]:
        num_shared = sum(doc_id in docs[1] and docs[1][doc_id] == doc for doc_id, doc in docs[0].items())
        raise EvaluationError(
            f"The runs were not asked the same: {len(answers)} documents in {run.folder}, {len(others)} in "
            f"{other.folder}, {num_shared} of them shared. Run the same task with the same limit."
        )
    by_id = {each.sample.doc_id: each for each in others}
    return [(answer, by_id[answer.sample.doc_id]) for answer in answers]


@contextmanager
def _open(
    pairs: Sequence[tuple[JudgedAnswer, JudgedAnswer]],
    rubric: str,
    measures: Sequence[Measure],
    model: LanguageModel | None,
    limit: int | None,
) -> Iterator[AskedSession]:
    assert model is not None
    by_id = {answer.sample.doc_id: (answer, other) for answer, other in pairs}
    yield AskedSession(
        samples=[answer.sample for answer, _ in pairs][:limit],
        ask=lambda sample: _ask(model, rubric, *by_id[sample.doc_id]),
        figures=partial(mean_figures, measures),
        max_in_flight=in_flight(model),
    )


def _ask(model: LanguageModel, rubric: str, answer: JudgedAnswer, other: JudgedAnswer) -> Answered:
    preference = prefer(model, answer.question, answer.answer, other.answer, rubric=rubric)
    return Answered(
        arguments=[(answer.question, {"a": answer.answer, "b": other.answer})],
        resps=[preference.probability],
        filtered_resps=[preference.winner],
        values=_values(preference),
        notes=asdict(preference),
    )


def _values(preference: Preference) -> dict[str, float]:
    if preference.winner is None or preference.probability is None or preference.position_bias is None:
        return {"failed": 1.0}
    return {
        "win_rate": WIN_VALUE[preference.winner],
        "probability": preference.probability,
        "position_decides": float(preference.winner == "tie"),
        "position_pull": abs(preference.position_bias),
        "failed": 0.0,
    }
