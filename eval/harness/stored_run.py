"""`Run`: a finished evaluation, as its folder holds it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from eval.harness.task import Answered, Measure, Sample
from eval.metrics import Figure


@dataclass(frozen=True)
class Run:
    """A finished run: its figures at hand, its samples read when they are asked for."""

    folder: Path
    results: Mapping[str, Any]  # results.json as it stands
    task: str
    model: str
    figures: Mapping[str, Figure]  # by measure, the important one first
    measures: Sequence[Measure]

    @cached_property
    def samples(self) -> tuple[tuple[Sample, Answered], ...]:
        """What was asked and what came of it, in the order of `doc_id`.

        Raises:
            EvaluationError: samples.jsonl is not what the run wrote.
        """
        raise NotImplementedError


def load_run(folder: str | Path) -> Run:
    """The run whose files are in `folder`.

    Raises:
        EvaluationError: no finished run is there, or one that this build does not read.
    """
    raise NotImplementedError
