"""Runs as a report lists them: each with a letter, and with a colour and shape of its own among those of its task."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from eval.harness.stored_run import Run
from eval.reports.markup import element
from eval.reports.score_plot import marker

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MAX_RUNS = 12


@dataclass(frozen=True, kw_only=True)
class ListedRun:
    """A run and how it is told apart."""

    idx: int
    letter: str
    place: int  # among the runs of its task: the same in all tasks for those who give runs in a steady order
    run: Run


def list_runs(runs: Sequence[Run]) -> list[ListedRun]:
    """`runs` in their order, at most `MAX_RUNS`."""
    places: Counter[str] = Counter()
    listed = []
    for idx, run in enumerate(runs):
        listed.append(ListedRun(idx=idx, letter=_LETTERS[idx], place=places[run.task], run=run))
        places[run.task] += 1
    return listed


def by_task(listed: Sequence[ListedRun]) -> dict[str, list[ListedRun]]:
    """The runs of each task, tasks in the order of their first run."""
    found: dict[str, list[ListedRun]] = {}
    for each in listed:
        found.setdefault(each.run.task, []).append(each)
    return found


def run_name(listed: ListedRun) -> Element:
    """Marker, letter and model of a run."""
    name = element("bdi", {}, listed.run.model or listed.run.task)
    return element("span", {"class": "run-name"}, marker(listed.place), element("b", {}, listed.letter), " ", name)
