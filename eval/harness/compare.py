"""Two runs of the same samples, compared sample by sample: how far the second lies above the first, and is it chance?

Means are compared by their values; BLEU, chrF and TER by the texts, of which they are made again; perplexities by the
windows or texts whose losses they sum up. What cannot be made again from the samples is shown without a test.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from appkit.errors import EvaluationError
from eval.harness.measure_sums import measure_of_sums
from eval.harness.record import doc_hash
from eval.harness.run_header import differing
from eval.harness.stored_run import Run, load_run
from eval.harness.task import Answered, Measure, Sample
from eval.metrics import Comparison, Figure, compare_pairs, compare_translations
from eval.metrics.paired import compare_rows
from eval.metrics.translation import MetricName
from eval.tasks.mean_figures import clusters_of

SIGNIFICANT = 0.05  # p-values below are called more than chance
_SAME = 1e-6  # relative: a figure that was made again must be the one that is stored
_TRANSLATION: dict[str, MetricName] = {"bleu": "bleu", "chrf": "chrf", "ter": "ter"}
_MAX_TEXTS = 8  # answers of a sample, one a pipeline of filters, that are tried for the one a figure was made of


# Why there is no test: the two were measured differently; no sample has a value in both; the samples do not tell the
# figure, or tell another one.
Reason = Literal["other_signature", "no_common_value", "not_in_samples"]


@dataclass(frozen=True, kw_only=True)
class MeasureComparison:
    """One measure of two runs. Without a test, `reason` says why there is none."""

    measure: Measure
    a: Figure
    b: Figure
    difference: Figure | None  # b - a
    p_value: float | None
    test: str
    reason: Reason | None = None
    went_right: tuple[int, ...] = ()  # doc_id of samples that are wrong in a and right in b
    went_wrong: tuple[int, ...] = ()
    is_right_or_wrong: bool = False  # whether every value is 0 or 1, so that samples can go right and wrong

    @property
    def is_more_than_chance(self) -> bool:
        """Whether chance alone, exchanging answers, would rarely make a difference this large."""
        return self.p_value is not None and self.p_value < SIGNIFICANT

    @property
    def better(self) -> str | None:
        """Which run is better, "a" or "b"; None where they are equal."""
        if self.a.value == self.b.value:
            return None
        return "b" if (self.b.value > self.a.value) == self.measure.higher_is_better else "a"

    def as_json(self) -> dict[str, Any]:
        """All of it, for `--json`."""
        interval = self.difference.interval if self.difference else None
        low, high = interval or (None, None)
        return {
            "a": self.a.value,
            "b": self.b.value,
            "difference": self.b.value - self.a.value,
            "low": low,
            "high": high,
            "p_value": self.p_value,
            "test": self.test or None,
            "not_tested_because": self.reason,
            "higher_is_better": self.measure.higher_is_better,
            "better": self.better,
            "is_more_than_chance": self.is_more_than_chance,
            "went_right": list(self.went_right) if self.is_right_or_wrong else None,
            "went_wrong": list(self.went_wrong) if self.is_right_or_wrong else None,
        }


@dataclass(frozen=True, kw_only=True)
class RunComparison:
    """Two runs side by side."""

    a: Run
    b: Run
    num_samples: int
    measures: tuple[MeasureComparison, ...]  # those that both have, the important one first
    only_in_one: tuple[str, ...]  # measures that one run alone has
    differing: tuple[tuple[str, Any, Any], ...]  # what else differs: (name, in a, in b)

    def as_json(self) -> dict[str, Any]:
        """All of it, for `--json`."""
        runs = {
            side: {"folder": str(run.folder), "task": run.task, "model": run.model}
            for side, run in (("a", self.a), ("b", self.b))
        }
        return {
            **runs,
            "num_samples": self.num_samples,
            "measures": {found.measure.name: found.as_json() for found in self.measures},
            "only_in_one": list(self.only_in_one),
            "differing": {name: [in_a, in_b] for name, in_a, in_b in self.differing},
        }


def compare_runs(a: str | Path | Run, b: str | Path | Run) -> RunComparison:
    """How far `b` lies above `a` by every measure that both have.

    Raises:
        EvaluationError: a folder holds no finished run, the two were not asked the same samples, or they have no
            measure in common.
    """
    run_a, run_b = (run if isinstance(run, Run) else load_run(run) for run in (a, b))
    samples_a, samples_b = run_a.samples, run_b.samples
    _check_joined(run_a, run_b)
    common = [name for name in run_a.figures if name in run_b.figures]
    if not common:
        raise EvaluationError(
            f"The runs have no measure in common: {', '.join(run_a.figures)} in {run_a.folder}; "
            f"{', '.join(run_b.figures)} in {run_b.folder}."
        )
    pairs = [(sample, one, other) for (sample, one), (_, other) in zip(samples_a, samples_b, strict=True)]
    return RunComparison(
        a=run_a,
        b=run_b,
        num_samples=len(pairs),
        measures=tuple(_compare(name, run_a, run_b, pairs) for name in common),
        only_in_one=tuple(sorted(run_a.figures.keys() ^ run_b.figures.keys())),
        differing=tuple(differing(run_a.header, run_b.header)),
    )


Pair = tuple[Sample, Answered, Answered]


def _check_joined(a: Run, b: Run) -> None:
    """Raise EvaluationError, with counts, unless both were asked the same documents under the same numbers."""
    hashes_a, hashes_b = ({sample.doc_id: doc_hash(sample.doc) for sample, _ in run.samples} for run in (a, b))
    both = hashes_a.keys() & hashes_b.keys()
    num_other = sum(hashes_a[doc_id] != hashes_b[doc_id] for doc_id in both)
    only_a, only_b = len(hashes_a) - len(both), len(hashes_b) - len(both)
    if num_other or only_a or only_b:
        raise EvaluationError(
            f"The runs were not asked the same samples: {len(both) - num_other} are the same, {num_other} have other "
            f"contents, {only_a} are only in {a.folder} and {only_b} only in {b.folder}. Compare runs of the same data "
            "with the same --limit."
        )


def _compare(name: str, run_a: Run, run_b: Run, pairs: Sequence[Pair]) -> MeasureComparison:
    measure_a, measure_b = run_a.measure(name), run_b.measure(name)
    a, b = run_a.figures[name], run_b.figures[name]
    if (measure_a.signature, measure_a.is_mean) != (measure_b.signature, measure_b.is_mean):
        return _untested(measure_a, a, b, "other_signature")
    if measure_a.is_mean:
        return _compare_means(measure_a, a, b, pairs)
    found = _compare_texts(name, a, b, pairs) or _compare_sums(name, a, b, pairs)
    if found is None:
        return _untested(measure_a, a, b, "not_in_samples")
    return MeasureComparison(
        measure=measure_a, a=a, b=b, difference=found.difference, p_value=found.p_value, test=found.test
    )


def _untested(measure: Measure, a: Figure, b: Figure, reason: Reason) -> MeasureComparison:
    return MeasureComparison(measure=measure, a=a, b=b, difference=None, p_value=None, test="", reason=reason)


def _compare_means(measure: Measure, a: Figure, b: Figure, pairs: Sequence[Pair]) -> MeasureComparison:
    name = measure.name
    valued = [pair for pair in pairs if all(name in answered.values for answered in pair[1:])]
    if not valued:
        return _untested(measure, a, b, "no_common_value")
    values_a = [one.values[name] for _, one, _ in valued]
    values_b = [other.values[name] for _, _, other in valued]
    found = compare_pairs(values_b, values_a, clusters=_clusters(valued))
    is_right_or_wrong = {*values_a, *values_b} <= {0.0, 1.0}
    steps = [
        (sample.doc_id, after - before)
        for (sample, _, _), before, after in zip(valued, values_a, values_b, strict=True)
    ]
    left_out = len(pairs) - len(valued)
    return MeasureComparison(
        measure=measure,
        a=a,
        b=b,
        difference=found.difference,
        p_value=found.p_value,
        test=found.test + (f"; {left_out} samples without a value in both runs left out" if left_out else ""),
        went_right=tuple(doc_id for doc_id, step in steps if is_right_or_wrong and step > 0),
        went_wrong=tuple(doc_id for doc_id, step in steps if is_right_or_wrong and step < 0),
        is_right_or_wrong=is_right_or_wrong,
    )


def _compare_texts(name: str, a: Figure, b: Figure, pairs: Sequence[Pair]) -> Comparison | None:
    """By BLEU, chrF or TER of the answers whose figures are those of the runs; None where there are none."""
    metric = _TRANSLATION.get(name.partition(",")[0])  # "bleu,strict" names filters too
    references = [_texts(sample.target) for sample, _, _ in pairs]
    if metric is None or not all(references):
        return None
    num_texts = min(min(len(one.filtered_resps), len(other.filtered_resps)) for _, one, other in pairs)
    for idx in range(min(num_texts, _MAX_TEXTS)):
        texts_a = [one.filtered_resps[idx] for _, one, _ in pairs]
        texts_b = [other.filtered_resps[idx] for _, _, other in pairs]
        if not all(isinstance(text, str) for text in (*texts_a, *texts_b)):
            continue
        found = compare_translations(texts_b, texts_a, references, metric=metric, clusters=_clusters(pairs))
        if _is_same(found, a, b):
            return found
    return None


def _compare_sums(name: str, a: Figure, b: Figure, pairs: Sequence[Pair]) -> Comparison | None:
    of_sums = measure_of_sums(name.partition(",")[0], pairs[0][1].values)
    if of_sums is None:
        return None
    try:
        rows_a = of_sums.rows([one.values for _, one, _ in pairs])
        rows_b = of_sums.rows([other.values for _, _, other in pairs])
    except (KeyError, ZeroDivisionError):
        return None
    counts = (rows_a[:, 1] > 0) & (rows_b[:, 1] > 0)  # what adds nothing must not be all that is drawn
    if not counts.any():
        return None
    clusters = _clusters([pair for pair, is_counted in zip(pairs, counts, strict=True) if is_counted])
    found = compare_rows(rows_b[counts], rows_a[counts], of_sums.measure, clusters=clusters)
    return found if _is_same(found, a, b) else None


def _is_same(found: Comparison, a: Figure, b: Figure) -> bool:
    return math.isclose(found.a, b.value, rel_tol=_SAME) and math.isclose(found.b, a.value, rel_tol=_SAME)


def _texts(target: Any) -> tuple[str, ...]:
    found = target if isinstance(target, list) else [target]
    return tuple(found) if all(isinstance(text, str) for text in found) else ()


def _clusters(pairs: Sequence[Pair]) -> list[Hashable] | None:
    return clusters_of([sample for sample, _, _ in pairs])
