"""How far a judge is to be trusted: questions with a good and a bad answer, labelled by hand. Run it before judging.

The judge is asked twice which answer is better, in both orders, and for a grade of each. Of the bad answers, some hold
a wrong fact, some speak of something else, some evade, and some ask the judge to prefer them.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from appkit import LanguageModel, Message
from eval.harness.data import read_rows
from eval.harness.task import Answered, Measure, Sample
from eval.judge import Preference, Rating, prefer, rate
from eval.judge.preference import PAIR_RUBRIC
from eval.judge.rating import DEFAULT_RUBRIC
from eval.tasks.mean_figures import mean_figures
from eval.tasks.python_task import AskedSession, PythonTask, in_flight
from eval.tasks.task_settings import check_known, one_of, text

ABOUT = "60 pairs of a good and a bad answer, 40 of them English: is the model fit to be a judge?"
SETTINGS = {
    "language": "en, zh, or all, which it is unless given",
    "prefer_rubric": f"the prompt that compares two answers; {PAIR_RUBRIC} unless given",
    "grade_rubric": f"the prompt that grades one; {DEFAULT_RUBRIC} unless given",
}
DATA = Path(__file__).resolve().parents[1] / "data" / "judge_pairs.jsonl"
MEASURES = (
    Measure(name="agreement"),  # the better answer gets more than half of the probability, both orders averaged
    Measure(name="both_orders"),  # it is named whichever stands first
    Measure(name="position_decides", higher_is_better=False),  # the first place is named both times, or the second
    Measure(name="position_pull", higher_is_better=False),  # how far the place moves the probability: 0 to 0.5
    Measure(name="graded_apart"),  # its expected grade is the higher one
    Measure(name="likelihood"),  # it is the likelier one, per token, as an answer: what no judging at all would get
    Measure(name="failed", higher_is_better=False),  # a verdict is missing; its pair counts as not told apart
)


def make_task(settings: Mapping[str, Any]) -> PythonTask:
    """The task. Raises ValueError for settings it does not have, or a language there is none of."""
    check_known("judge_pairs", settings, SETTINGS)
    chosen = {
        "language": one_of(settings, "language", ("all", "en", "zh"), "all"),
        "prefer_rubric": text(settings, "prefer_rubric") or PAIR_RUBRIC,
        "grade_rubric": text(settings, "grade_rubric") or DEFAULT_RUBRIC,
    }
    return PythonTask(
        name="judge_pairs",
        about=ABOUT,
        version="1",
        output_type="multiple_choice",
        measures=MEASURES,
        settings=chosen,
        open_session=partial(_open, chosen),
    )


@contextmanager
def _open(chosen: Mapping[str, str], model: LanguageModel | None, limit: int | None) -> Iterator[AskedSession]:
    assert model is not None
    language = chosen["language"]
    rows = [row for row in read_rows(DATA) if language in ("all", row["language"])]
    yield AskedSession(
        samples=[Sample(doc_id=idx, doc=row, target=row["better"]) for idx, row in enumerate(rows)][:limit],
        ask=partial(_ask, model, chosen),
        figures=partial(mean_figures, MEASURES),
        max_in_flight=in_flight(model),
    )


def _ask(model: LanguageModel, chosen: Mapping[str, str], sample: Sample) -> Answered:
    question, a, b = (sample.doc[key] for key in ("question", "a", "b"))
    preference = prefer(model, question, a, b, rubric=chosen["prefer_rubric"])
    grades = {side: rate(model, question, sample.doc[side], chosen["grade_rubric"]) for side in ("a", "b")}
    likelihoods = _likelihoods(model, question, [a, b])
    better, worse = (grades["a"], grades["b"]) if sample.target == "a" else (grades["b"], grades["a"])
    return Answered(
        arguments=[(question, {"a": a, "b": b}), (question, a), (question, b)],
        resps=[preference.probability, grades["a"].expected, grades["b"].expected],
        filtered_resps=[preference.winner],
        values={
            **_values(sample.target, preference, better, worse),
            **({"likelihood": _above(*likelihoods[:: 1 if sample.target == "a" else -1])} if likelihoods else {}),
        },
        notes={
            "preference": asdict(preference),
            "likelihoods": likelihoods,
            "grades": {side: _shown(each) for side, each in grades.items()},
        },
    )


def _values(target: str, preference: Preference, better: Rating, worse: Rating) -> dict[str, float]:
    """What a pair adds to each mean. One without a verdict is not told apart, and says nothing of places."""
    values = {
        "agreement": _half_or(preference.probability, target == "a"),
        "both_orders": float(preference.winner == target),
        "graded_apart": 0.0,
        "failed": float(any(each.failure for each in (preference, better, worse))),
    }
    if preference.position_bias is not None:
        values["position_decides"] = float(preference.winner == "tie")
        values["position_pull"] = abs(preference.position_bias)
    if better.expected is not None and worse.expected is not None:
        values["graded_apart"] = _above(better.expected, worse.expected)
    return values


def _likelihoods(model: LanguageModel, question: str, answers: Sequence[str]) -> list[float]:
    """The mean log-probability of each answer's tokens after the question; none where the model does not score."""
    if "score" not in model.capabilities:
        return []
    return [float(part.mean()) for part in model.score_many([Message(role="user", content=question)], answers)]


def _half_or(probability: float | None, is_a: bool) -> float:
    return 0.0 if probability is None else _above(probability, 0.5) if is_a else _above(0.5, probability)


def _above(value: float, other: float) -> float:
    """1 where it is, a half where both are the same."""
    return 0.5 if value == other else float(value > other)


def _shown(rating: Rating) -> dict[str, Any]:
    return {**asdict(rating), "probabilities": {str(grade): share for grade, share in rating.probabilities.items()}}
