"""`Run`: a finished evaluation, as its folder holds it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from appkit.errors import EvaluationError
from eval.harness.record import answered_of, sample_of
from eval.harness.run_files import RESULTS, SAMPLES, read_results, read_samples
from eval.harness.run_header import PARTS
from eval.harness.task import Answered, Measure, Sample
from eval.metrics import Figure


@dataclass(frozen=True)
class Run:
    """A finished run: its figures at hand, its samples read when they are asked for."""

    folder: Path
    task: str
    model: str
    figures: Mapping[str, Figure]  # by measure, the important one first
    measures: Sequence[Measure]  # of the figures, in the same order
    results: Mapping[str, Any] = field(repr=False)  # results.json as it stands

    @property
    def header(self) -> Mapping[str, Any]:
        """Everything the run depends on: package, task with its settings, model."""
        return {name: self.results["appkit"][name] for name in PARTS}

    @property
    def num_samples(self) -> int:
        """How many were asked."""
        count: int = self.results["appkit"]["samples"]["count"]
        return count

    @property
    def task_settings(self) -> Mapping[str, Any]:
        """Everything that was chosen of the task."""
        settings: Mapping[str, Any] = self.results["appkit"]["task"]["settings"]
        return settings

    @cached_property
    def samples(self) -> tuple[tuple[Sample, Answered], ...]:
        """What was asked and what came of it, in the order of `doc_id`.

        Raises:
            EvaluationError: samples.jsonl is not what the run wrote.
        """
        return tuple((sample_of(record), answered_of(record)) for record in self.records())

    def records(self) -> list[dict[str, Any]]:
        """The lines of samples.jsonl, checked. Raises EvaluationError as `samples` does."""
        return read_samples(self.folder / SAMPLES, self.results["appkit"]["samples"]["sha256"])

    def measure(self, name: str) -> Measure:
        """The measure of that name. Raises KeyError where the run has none."""
        return {measure.name: measure for measure in self.measures}[name]


def load_run(folder: str | Path) -> Run:
    """The run whose files are in `folder`.

    Raises:
        EvaluationError: no finished run is there, or one that this build does not read.
    """
    folder = Path(folder)
    results = read_results(folder)
    if results is None:
        raise EvaluationError(f"{folder} holds no {RESULTS}: give the folder of a run that was finished.")
    ours = results["appkit"]
    if not isinstance(ours["task"].get("settings"), dict):
        raise EvaluationError(f"{folder / RESULTS} is damaged: its task has no settings.")
    if type(ours["samples"].get("count")) is not int or not isinstance(ours["samples"].get("sha256"), str):
        raise EvaluationError(f"{folder / RESULTS} is damaged: it does not say which samples it is of.")
    figures, measures = {}, []
    for name, stored in ours["figures"].items():
        try:
            figures[name] = _figure(stored)
            measures.append(_measure(name, stored))
        except (KeyError, TypeError, ValueError) as error:
            raise EvaluationError(
                f"{folder / RESULTS} is damaged: its figure {name!r:.60} is none ({error})."
            ) from error
    return Run(
        folder=folder,
        task=ours["task"]["name"],
        model=ours["model"]["name"],
        figures=figures,
        measures=tuple(measures),
        results=results,
    )


def _figure(stored: Mapping[str, Any]) -> Figure:
    low, high = stored["low"], stored["high"]
    error = stored["standard_error"]
    if type(stored["n"]) is not int or not isinstance(stored["method"], str):
        raise TypeError("it does not say of how many samples, or how its interval was made")
    return Figure(
        value=_number(stored["value"]),
        interval=None if low is None and high is None else (_number(low), _number(high)),
        n=stored["n"],
        method=stored["method"],
        standard_error=None if error is None else _number(error),
        confidence=_number(stored["confidence"]),
    )


def _measure(name: str, stored: Mapping[str, Any]) -> Measure:
    flags = (stored["higher_is_better"], stored["is_mean"])
    if not all(isinstance(flag, bool) for flag in flags) or not isinstance(stored["signature"], str):
        raise TypeError("higher_is_better and is_mean are true or false, and signature is a text")
    return Measure(name=name, higher_is_better=flags[0], is_mean=flags[1], signature=stored["signature"])


def _number(value: Any) -> float:
    if type(value) not in (int, float):
        raise TypeError(f"{value!r:.40} is no number")
    return float(value)
