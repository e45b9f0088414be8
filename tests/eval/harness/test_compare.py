"""Two runs compared: differences by hand, what cannot be compared, and that figures are made again as they were."""

import math
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from appkit import ScriptedModel
from appkit.errors import EvaluationError
from eval.harness.compare import compare_runs
from eval.harness.run import Run, evaluate
from eval.harness.task import Answered, Measure, Sample
from eval.metrics import bleu, bootstrap_figure, chrf, compare_pairs, compare_translations, mean_figure, ter
from eval.metrics.perplexity_figures import WindowSums, perplexity_figures
from eval.tasks.python_task import AskedSession, PythonTask
from tests.helpers.small_task import SmallTask


def run_of(
    folder: Path,
    answered: Callable[[Sample], Answered],
    figures: Callable[[Any, Any], Any],
    measures: tuple[Measure, ...],
    samples: list[Sample],
) -> Run:
    @contextmanager
    def opened(model: object, limit: int | None) -> Any:
        yield AskedSession(samples=samples[:limit], ask=answered, figures=figures)

    task = PythonTask(
        name="made", about="made", version="1", output_type="generate_until", measures=measures, settings={},
        open_session=opened, needs_model=False,
    )  # fmt: skip
    return evaluate(task, output=folder)


def sums(folder: Path, right: set[int], **options: Any) -> Run:
    def answer(question: object) -> str:
        first = int(str(question).split()[0])
        return str(first + 1) if first in right else "no"

    return evaluate(SmallTask(num_samples=8), ScriptedModel(answer), output=folder, **options)


def test_right_and_wrong_samples_by_hand(tmp_path: Path) -> None:
    a, b = sums(tmp_path / "a", {0, 1, 2}), sums(tmp_path / "b", {1, 2, 3, 4, 5})
    found = compare_runs(a.folder, b.folder)
    acc = found.measures[0]
    assert (acc.measure.name, found.num_samples) == ("acc", 8)
    assert (acc.a.value, acc.b.value) == (3 / 8, 5 / 8)
    assert (acc.went_right, acc.went_wrong) == ((3, 4, 5), (0,))
    by_hand = compare_pairs(
        [0, 1, 1, 1, 1, 1, 0, 0], [1, 1, 1, 0, 0, 0, 0, 0], clusters=[f"page {idx // 2}" for idx in range(8)]
    )
    assert (acc.difference, acc.p_value) == (by_hand.difference, by_hand.p_value)
    assert acc.better == "b"
    assert not acc.is_more_than_chance


def test_a_difference_on_every_page_is_more_than_chance(tmp_path: Path) -> None:
    task = SmallTask(num_samples=24)
    a = evaluate(task, ScriptedModel(lambda question: "no"), output=tmp_path / "a")
    b = evaluate(task, ScriptedModel(lambda q: str(int(str(q).split()[0]) + 1)), output=tmp_path / "b")
    acc = compare_runs(a, b).measures[0]
    # 12 pages, all better: of 2^12 exchanges, two make a difference as large
    assert acc.p_value == 2 / 2**12
    assert (acc.better, acc.is_more_than_chance) == ("b", True)
    assert compare_runs(b, a).measures[0].better == "a"


def test_a_run_equals_itself(tmp_path: Path) -> None:
    acc = compare_runs(run := sums(tmp_path, {0, 1}), run).measures[0]
    assert (acc.better, acc.p_value, acc.went_right, acc.went_wrong) == (None, 1.0, (), ())


def test_other_samples_are_refused_with_counts(tmp_path: Path) -> None:
    a, b = sums(tmp_path / "a", {0}), sums(tmp_path / "b", {0}, limit=3)
    with pytest.raises(
        EvaluationError, match=r"3 are the same, 0 have other contents, 5 are only in .*a and 0 only in"
    ):
        compare_runs(a, b)
    other = evaluate(SmallTask(num_samples=8, step=2), ScriptedModel(lambda question: "3"), output=tmp_path / "c")
    with pytest.raises(EvaluationError, match="0 are the same, 8 have other contents"):
        compare_runs(a, other)


def test_what_else_differs_is_named(tmp_path: Path) -> None:
    model = ScriptedModel(lambda question: "3")
    a = evaluate(SmallTask(), model, output=tmp_path / "a")
    b = evaluate(SmallTask(more_settings={"shots": 8}), model, output=tmp_path / "b")
    assert compare_runs(a, b).differing == (("task.settings.shots", None, 8),)


def test_what_cannot_be_made_again_is_not_tested(tmp_path: Path) -> None:
    chars = compare_runs(sums(tmp_path / "a", {0}), sums(tmp_path / "b", {0, 1})).measures[1]
    assert (chars.measure.name, chars.p_value, chars.difference) == ("chars", None, None)
    assert chars.reason == chars.as_json()["not_tested_because"] == "not_in_samples"


def test_figures_measured_differently_are_not_tested(tmp_path: Path) -> None:
    other = (Measure(name="acc", signature="v2"), Measure(name="chars", higher_is_better=False, is_mean=False))
    model = ScriptedModel(lambda question: "3")
    a = evaluate(SmallTask(), model, output=tmp_path / "a")
    b = evaluate(SmallTask(measures=other), model, output=tmp_path / "b")
    acc = compare_runs(a, b).measures[0]
    assert (acc.reason, acc.p_value) == ("other_signature", None)


REFERENCES = ["他今天去了上海的大学。", "狗咬了那个人一口。", "明天早上会下雨。", "我喜欢喝绿茶。"]
TEXTS = {
    "a": ["他去了上海的大学。", "狗咬了人。", "明天下雨。", "我喜欢绿茶。"],
    "b": ["他今天去了北京的大学。", "狗咬了那个人。", "明天早上会下雨。", "我喜欢喝红茶。"],
}


@pytest.mark.parametrize("name", ["bleu", "chrf", "ter"])
def test_translations_are_measured_again_from_the_samples(tmp_path: Path, name: str) -> None:
    score = {"bleu": bleu, "chrf": chrf, "ter": ter}[name]
    samples = [Sample(doc_id=idx, doc={"idx": idx}, target=text) for idx, text in enumerate(REFERENCES)]
    runs = []
    for side, texts in TEXTS.items():

        def ask(sample: Sample, texts: list[str] = texts) -> Answered:
            return Answered(
                arguments=[("translate",)], resps=["-"], filtered_resps=["-", texts[sample.doc_id]], values={}
            )

        def figures(samples: Any, answers: Any) -> Any:
            return {name: score([answer.filtered_resps[1] for answer in answers], REFERENCES).figure}

        measures = (Measure(name=name, is_mean=False, higher_is_better=name != "ter"),)
        runs.append(run_of(tmp_path / side, ask, figures, measures, samples))
    (found,) = compare_runs(*runs).measures
    by_hand = compare_translations(TEXTS["b"], TEXTS["a"], REFERENCES, metric=name)  # type: ignore[arg-type]
    assert (found.difference, found.p_value) == (by_hand.difference, by_hand.p_value)
    assert found.better == "b"


def test_perplexities_are_made_again_from_the_windows(tmp_path: Path) -> None:
    samples = [Sample(doc_id=idx, doc={"idx": idx}, target=None) for idx in range(6)]
    measures = tuple(
        Measure(name=name, higher_is_better=False, is_mean=False) for name in ("perplexity", "bits_per_byte")
    )
    runs = []
    for side, factor in (("a", 2.0), ("b", 1.9)):

        def ask(sample: Sample, factor: float = factor) -> Answered:
            idx = sample.doc_id
            loss = factor * (10 + idx)
            values = {"loss": loss, "num_tokens": 10.0 + idx, "num_bytes": 40.0 + idx, "weight": 9.0 + idx}
            return Answered(arguments=[("text",)], resps=[-loss], filtered_resps=[-loss], values=values)

        def figures(samples: Any, answers: Any) -> Any:
            parts = [
                WindowSums(
                    document=0,
                    loss=answer.values["loss"],
                    num_tokens=int(answer.values["num_tokens"]),
                    num_bytes=int(answer.values["num_bytes"]),
                    weight=int(answer.values["weight"]),
                )
                for answer in answers
            ]
            return dict(zip(("perplexity", "bits_per_byte"), perplexity_figures(parts), strict=True))

        runs.append(run_of(tmp_path / side, ask, figures, measures, samples))
    perplexity, bits = compare_runs(*runs).measures
    assert perplexity.a.value == pytest.approx(math.exp(2.0))
    assert perplexity.difference is not None
    # every token of a window has the same loss, so any draw of windows has the same perplexity
    assert perplexity.difference.interval == pytest.approx((math.exp(1.9) - math.exp(2.0),) * 2)
    assert perplexity.p_value == bits.p_value == 2 / 2**6
    assert (perplexity.better, bits.better) == ("b", "b")


def test_a_figure_that_comes_out_otherwise_is_not_tested(tmp_path: Path) -> None:
    reference, said = "The Dog bit the Man in the Garden.", "the dog bit the man in the garden."
    samples = [Sample(doc_id=idx, doc={"idx": idx}, target=reference) for idx in range(3)]

    def ask(sample: Sample) -> Answered:
        return Answered(arguments=[("a",)], resps=["-"], filtered_resps=[said], values={})

    def figures(samples: Any, answers: Any) -> Any:  # with a setting that the samples do not tell of
        return {"bleu": bleu([answer.filtered_resps[0] for answer in answers], [reference] * 3, lowercase=True).figure}

    measures = (Measure(name="bleu", is_mean=False),)
    runs = [run_of(tmp_path / side, ask, figures, measures, samples) for side in ("a", "b")]
    (found,) = compare_runs(*runs).measures
    assert (found.reason, found.p_value) == ("not_in_samples", None)


def test_samples_without_a_value_are_left_out_and_counted(tmp_path: Path) -> None:
    samples = [Sample(doc_id=idx, doc={"idx": idx}, target=None) for idx in range(5)]

    def ask_but(missing: int, value: float) -> Callable[[Sample], Answered]:
        def ask(sample: Sample) -> Answered:
            values = {} if sample.doc_id == missing else {"acc": value}
            return Answered(arguments=[("a",)], resps=[0], filtered_resps=[0], values=values)

        return ask

    def figures(samples: Any, answers: Any) -> Any:
        values = [answer.values["acc"] for answer in answers if "acc" in answer.values]
        return {"acc": mean_figure(values), "share": bootstrap_figure(np.ones((5, 1)), lambda sums: sums[:, 0] / 5)}

    measures = (Measure(name="acc"), Measure(name="share", is_mean=False))
    a = run_of(tmp_path / "a", ask_but(1, 0.5), figures, measures, samples)
    b = run_of(tmp_path / "b", ask_but(3, 0.75), figures, measures, samples)
    acc = compare_runs(a, b).measures[0]
    assert acc.difference is not None
    assert (acc.difference.n, acc.difference.value) == (3, 0.25)
    assert acc.test.endswith("2 samples without a value in both runs left out")
    assert not acc.is_right_or_wrong
