"""Runs as a report lists them: each with a letter, and with a colour and shape of its own among those of its task."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from eval.harness.model_identity import NO_MODEL
from eval.harness.run_header import differing
from eval.harness.stored_run import Run
from eval.reports.markup import element
from eval.reports.sample_text import as_json, shortened
from eval.reports.score_plot import marker

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SETTING = "task.settings."
_MAX_SETTINGS = 2  # in a name; the table of conditions has them all
_MAX_VALUE_CHARS = 24
MAX_RUNS = 12


@dataclass(frozen=True, kw_only=True)
class ListedRun:
    """A run and how it is told apart."""

    idx: int
    letter: str
    name: str  # the model, and settings in which other runs of the same task and model differ
    place: int  # among the runs of its task: the same in all tasks for those who give runs in a steady order
    run: Run


def list_runs(runs: Sequence[Run]) -> list[ListedRun]:
    """`runs` in their order, at most `MAX_RUNS`."""
    listed = []
    for idx, run in enumerate(runs):
        place = sum(other.task == run.task for other in runs[:idx])
        listed.append(ListedRun(idx=idx, letter=_LETTERS[idx], name=_name(run, runs), place=place, run=run))
    return listed


def by_task(listed: Sequence[ListedRun]) -> dict[str, list[ListedRun]]:
    """The runs of each task, tasks in the order of their first run."""
    found: dict[str, list[ListedRun]] = {}
    for each in listed:
        found.setdefault(each.run.task, []).append(each)
    return found


def run_name(listed: ListedRun) -> Element:
    """Marker, letter and name of a run."""
    name = element("bdi", {}, listed.name)
    return element("span", {"class": "run-name"}, marker(listed.place), element("b", {}, listed.letter), " ", name)


def _name(run: Run, runs: Sequence[Run]) -> str:
    alike = [other for other in runs if (other.task, other.model) == (run.task, run.model)]
    settings = {
        name.removeprefix(_SETTING): value
        for other in alike
        for name, value, _ in differing(run.header, other.header)
        if name.startswith(_SETTING)
    }
    shown = [_setting(name, value) for name, value in list(settings.items())[:_MAX_SETTINGS]]
    parts = shown if shown and run.model == NO_MODEL.name else [run.model, *shown]
    return ", ".join(parts)


def _setting(name: str, value: object) -> str:
    text = value if isinstance(value, str) else as_json(value)
    return f"{shortened(name, _MAX_VALUE_CHARS)}={shortened(text, _MAX_VALUE_CHARS)}"
