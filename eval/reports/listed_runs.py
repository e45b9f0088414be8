"""Runs as a report lists them: each with a letter, and with a colour and shape of its own among those of its task."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from eval.reports.markup import element
from eval.reports.run_files import RunFiles
from eval.reports.score_plot import marker

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MAX_RUNS = 12


@dataclass(frozen=True, kw_only=True)
class ListedRun:
    """A run and how it is told apart."""

    idx: int
    letter: str
    place: int  # among the runs of its task: the same in all tasks for those who give runs in a steady order
    files: RunFiles


def list_runs(runs: Sequence[RunFiles]) -> list[ListedRun]:
    """`runs` in their order, at most `MAX_RUNS`."""
    places: Counter[str] = Counter()
    listed = []
    for idx, run in enumerate(runs):
        listed.append(ListedRun(idx=idx, letter=_LETTERS[idx], place=places[run.task], files=run))
        places[run.task] += 1
    return listed


def by_task(runs: Sequence[ListedRun]) -> dict[str, list[ListedRun]]:
    """The runs of each task, tasks in the order of their first run."""
    found: dict[str, list[ListedRun]] = {}
    for run in runs:
        found.setdefault(run.files.task, []).append(run)
    return found


def run_name(run: ListedRun) -> Element:
    """Marker, letter and model of a run."""
    name = element("bdi", {}, run.files.model or run.files.task)
    return element("span", {"class": "run-name"}, marker(run.place), element("b", {}, run.letter), " ", name)
