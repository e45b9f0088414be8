"""The pairs that measure a judge: a fair one is found fair, a biased one biased, and failures are counted."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from appkit import ScriptedModel
from eval.metrics import Figure
from eval.tasks.judge_pairs import DATA, make_task
from tests.eval.judge.judges import Opinion, always, judge

GOOD = {row[row["better"]] for row in map(json.loads, Path(DATA).read_text("utf-8").splitlines())}


def figures_of(model: ScriptedModel, limit: int | None = None, **settings: str) -> Mapping[str, Figure]:
    with make_task(settings).open(model, limit) as session:
        answers = [session.ask(sample) for sample in session.samples]
        return session.figures(session.samples, answers)


def knowing(bias: float = 0.0) -> Opinion:
    """A judge that knows the good answers, and gives the first place `bias` more than it should."""

    def opinion(shown: str) -> dict[str, float]:
        texts = [part.partition("\n</text>")[0] for part in shown.split("<text>\n")[1:]]
        if "A or B" in shown or "A 或 B" in shown:
            first = 0.7 if texts[-2] in GOOD else 0.3
            return {"A": first + bias, "B": 1 - first - bias}
        grade = 5 if texts[-1] in GOOD else 2
        return {str(each): 0.9 if each == grade else 0.025 for each in range(1, 6)}

    return opinion


def test_a_judge_that_knows_is_right_every_time() -> None:
    figures = figures_of(judge(knowing()))
    assert {name: figure.value for name, figure in figures.items()} == {
        "agreement": 1.0,
        "both_orders": 1.0,
        "position_decides": 0.0,
        "position_pull": pytest.approx(0.0),
        "graded_apart": 1.0,
        "likelihood": 0.5,  # it finds every answer as likely
        "failed": 0.0,
    }
    assert {figure.n for figure in figures.values()} == {60}


def test_a_judge_that_knows_and_prefers_a_place_is_right_on_average_alone() -> None:
    figures = figures_of(judge(knowing(bias=0.25)), language="en")
    assert figures["agreement"].value == 1.0
    assert figures["both_orders"].value == 0.0
    assert figures["position_decides"].value == 1.0
    assert figures["position_pull"].value == pytest.approx(0.25)
    assert figures["agreement"].n == 40


def test_a_judge_that_knows_nothing_is_right_half_of_the_time() -> None:
    same = dict.fromkeys("12345", 0.2) | dict.fromkeys("AB", 0.5)
    figures = figures_of(judge(lambda shown: same))
    assert (figures["agreement"].value, figures["graded_apart"].value) == (0.5, 0.5)


def test_verdicts_that_fail_count_as_wrong_and_are_shown() -> None:
    figures = figures_of(judge(lambda shown: dict.fromkeys("12345AB", 0.0)), limit=5)
    assert {name: figure.value for name, figure in figures.items()} == {
        "agreement": 0.0,
        "both_orders": 0.0,
        "graded_apart": 0.0,
        "likelihood": 0.5,
        "failed": 1.0,
    }


def test_the_likelier_answer_is_the_one_with_the_higher_mean() -> None:
    known = judge(lambda shown: dict.fromkeys("12345AB", 0.1))
    scoring = known.score_many
    known.score_many = lambda prompt, texts: (  # type: ignore[method-assign]
        scoring(prompt, texts) if len(texts) > 2 else [np.full(len(text), -float(text not in GOOD)) for text in texts]
    )
    assert figures_of(known)["likelihood"].value == 1.0


def test_a_judge_that_only_writes_has_no_likelihoods() -> None:
    def answer(prompt: object) -> str:
        return "A" if "A or B" in str(prompt) or "A 或 B" in str(prompt) else "3"

    figures = figures_of(ScriptedModel(answer), limit=4)
    assert "likelihood" not in figures
    assert (figures["position_pull"].value, figures["graded_apart"].value) == (0.5, 0.5)


def test_settings_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="language is 'fr'; choose one of all, en, zh"):
        make_task({"language": "fr"})
    with pytest.raises(ValueError, match="did you mean 'language'"):
        make_task({"languge": "en"})


def test_a_sample_holds_both_verdicts() -> None:
    with make_task({}).open(always(A=0.6, B=0.2, g1=0.1, g2=0.1, g3=0.1, g4=0.1, g5=0.2), 1) as session:
        answered = session.ask(session.samples[0])
    assert answered.notes["preference"]["winner"] == "tie"
    assert answered.notes["grades"]["a"]["probabilities"]["5"] == pytest.approx(1 / 3)
    json.dumps(answered.notes, allow_nan=False)
