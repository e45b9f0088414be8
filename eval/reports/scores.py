"""The scores of all runs: a table whose last column is a plot, one axis for all that compares."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from eval.metrics import Figure
from eval.reports.listed_runs import ListedRun, run_name
from eval.reports.markup import Child, element
from eval.reports.page_text import text
from eval.reports.run_files import Score
from eval.reports.score_axis import Axis, axis_of, scale_of
from eval.reports.score_plot import axis_row, interval_row

Group = list[tuple[ListedRun, Score]]  # one measure of one task, in every run of the task that has it
_Groups = dict[tuple[str, str], Group]  # by task and measure


def scores_section(runs: Sequence[ListedRun]) -> Element:
    """All scores, those on one scale together."""
    section = element("section", {"id": "scores"}, text("h2", "scores"), text("p", "scores_about", {"class": "about"}))
    for scale, groups in _by_scale(runs).items():
        section.append(_scale_table(scale, groups))
    return section


def number(value: float) -> str:
    """Four significant digits, and a minus sign that is as wide as a plus."""
    return f"{value:.4g}".replace("-", "\N{MINUS SIGN}")


def interval_text(figure: Figure) -> str:
    return f"{number(figure.interval[0])} – {number(figure.interval[1])}" if figure.interval else "—"


def numbers_of(figure: Figure) -> tuple[float, ...]:
    """All that must fit on an axis."""
    return (figure.value, *(figure.interval or ()))


def interval_made(figure: Figure) -> list[Child]:
    """How the interval of a figure was made, in words."""
    method = element("bdi", {}, figure.method)
    if figure.interval is None:
        return [text("span", "no_interval"), " ", method]
    return [text("span", "interval_made", {}, percent=f"{figure.confidence:.0%}"), " ", method]


def _by_scale(runs: Sequence[ListedRun]) -> dict[str, _Groups]:
    """What lies between 0 and 1 comes first, then percentages, then measures with a scale of their own."""
    groups: _Groups = {}
    for run in runs:
        for score in run.files.scores:
            groups.setdefault((run.files.task, score.name), []).append((run, score))
    values: dict[str, list[float]] = {}  # a measure has one scale, whatever the task
    for (_, measure), group in groups.items():
        values.setdefault(measure, []).extend(_numbers(group))
    scales: dict[str, _Groups] = {"share": {}, "percent": {}}
    for key, group in groups.items():
        scales.setdefault(scale_of(key[1], values[key[1]]), {})[key] = group
    return {scale: found for scale, found in scales.items() if found}


def _numbers(group: Group) -> list[float]:
    return [value for _, score in group for value in numbers_of(score.figure)]


def _scale_table(scale: str, groups: _Groups) -> Element:
    axis = axis_of(scale, [value for group in groups.values() for value in _numbers(group)])
    own = scale.removeprefix("own:")
    title = text("caption", scale) if own == scale else element("caption", {}, element("bdi", {}, own))
    head = element(
        "tr",
        {},
        text("th", "run", {"scope": "col"}),
        text("th", "score", {"scope": "col", "class": "number"}),
        text("th", "interval", {"scope": "col", "class": "number"}),
        text("th", "samples_n", {"scope": "col", "class": "number"}),
        element("td", {"class": "plot-cell"}, axis_row(axis)),
    )
    table = element("table", {"class": "scores"}, title, element("thead", {}, head))
    for (task, measure), group in groups.items():
        body = element("tbody", {}, _group_row(task, measure, group[0][1].higher_is_better))
        body.extend(_score_row(run, score.figure, axis) for run, score in group)
        body.append(_how(group))
        table.append(body)
    return table


def _group_row(task: str, measure: str, higher_is_better: bool) -> Element:
    name: list[Child] = [element("bdi", {}, task), " · ", element("b", {}, element("bdi", {}, measure)), " "]
    direction = text("small", "higher_is_better" if higher_is_better else "lower_is_better")
    return element("tr", {"class": "group"}, element("th", {"scope": "rowgroup", "colspan": "5"}, *name, direction))


def _score_row(run: ListedRun, figure: Figure, axis: Axis) -> Element:
    label = f"{run.letter}: {number(figure.value)}, {interval_text(figure)}"
    return element(
        "tr",
        {},
        element("th", {"scope": "row"}, run_name(run)),
        element("td", {"class": "number value"}, number(figure.value)),
        element("td", {"class": "number"}, interval_text(figure)),
        element("td", {"class": "number n"}, f"{figure.n:,}"),
        element("td", {"class": "plot-cell"}, interval_row(axis, run.place, figure.value, figure.interval, label)),
    )


def _how(group: Group) -> Element:
    """How the intervals were made, and the signatures: once where the runs agree, else of each."""
    cell = element("td", {"colspan": "5"})
    methods = {score.figure.method for _, score in group}
    for run, score in group if len(methods) > 1 else group[:1]:
        who = f"{run.letter} " if len(methods) > 1 else ""
        cell.append(element("div", {}, who, *interval_made(score.figure)))
    signatures = {score.signature for _, score in group}
    for run, score in group if len(signatures) > 1 else group[:1]:
        who = f"{run.letter} " if len(signatures) > 1 else ""
        if score.signature:
            cell.append(element("div", {}, who, text("span", "signature"), " ", element("code", {}, score.signature)))
    if len(signatures) > 1:
        cell.append(text("div", "signatures_differ", {"class": "warning"}))
    return element("tr", {"class": "how"}, cell)
