"""The scores of all runs: a table whose last column is a plot, one axis for all that compares."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from eval.harness.task import Measure
from eval.metrics import Figure
from eval.reports.listed_runs import ListedRun, run_name
from eval.reports.markup import Child, element
from eval.reports.page_text import text
from eval.reports.score_axis import Axis, axis_of, scale_of
from eval.reports.score_plot import axis_row, interval_row


@dataclass(frozen=True, kw_only=True)
class Score:
    """One figure of one run."""

    listed: ListedRun
    measure: Measure
    figure: Figure


# One measure of one task in every run of the task that has it, by task and measure.
_Groups = dict[tuple[str, str], list[Score]]


def scores_section(runs: Sequence[ListedRun]) -> Element:
    """All scores, those on one scale together."""
    section = element("section", {"id": "scores"}, text("h2", "scores"), text("p", "scores_about", {"class": "about"}))
    for scale, groups in _by_scale(runs).items():
        section.append(_scale_table(scale, groups))
    return section


def number(value: float, scale: str) -> str:
    """As many decimals as its neighbours on a common scale have, else four significant digits."""
    decimals = {"share": ".3f", "percent": ".1f"}.get(scale, ".4g")
    return format(value, decimals).replace("-", "\N{MINUS SIGN}")


def interval_text(figure: Figure, scale: str) -> str:
    """Both ends of an interval; a dash where there is none."""
    return f"[{', '.join(number(end, scale) for end in figure.interval)}]" if figure.interval else "—"


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
    for score in _scores(runs):
        groups.setdefault((score.listed.run.task, score.measure.name), []).append(score)
    values: dict[str, list[float]] = {}  # a measure has one scale, whatever the task
    for (_, measure), group in groups.items():
        values.setdefault(measure, []).extend(_numbers(group))
    scales: dict[str, _Groups] = {"share": {}, "percent": {}}
    for key, group in groups.items():
        scales.setdefault(scale_of(key[1], values[key[1]]), {})[key] = group
    return {scale: found for scale, found in scales.items() if found}


def _scores(runs: Sequence[ListedRun]) -> Iterator[Score]:
    for listed in runs:
        for measure in listed.run.measures:
            yield Score(listed=listed, measure=measure, figure=listed.run.figures[measure.name])


def _numbers(group: Sequence[Score]) -> list[float]:
    return [value for score in group for value in numbers_of(score.figure)]


def _scale_table(scale: str, groups: _Groups) -> Element:
    axis = axis_of(scale, [value for group in groups.values() for value in _numbers(group)])
    own = scale.removeprefix("own:")
    title = text("caption", scale) if own == scale else element("caption", {}, element("bdi", {}, own))
    head = element(
        "tr",
        {},
        text("th", "run", {"scope": "col"}),
        text("th", "score", {"scope": "col", "class": "number value"}),
        text("th", "interval", {"scope": "col", "class": "number interval"}),
        text("th", "samples_n", {"scope": "col", "class": "number n"}),
        element("td", {"class": "plot-cell"}, axis_row(axis)),
    )
    table = element("table", {"class": "scores"}, title, element("thead", {}, head))
    for group in groups.values():
        body = element("tbody", {}, _group_row(group[0]))
        body.extend(_score_row(score, scale, axis) for score in group)
        body.append(_how(group))
        table.append(body)
    return table


def _group_row(score: Score) -> Element:
    measure = element("b", {}, element("bdi", {}, score.measure.name))
    direction = text("small", "higher_is_better" if score.measure.higher_is_better else "lower_is_better")
    name: list[Child] = [element("bdi", {}, score.listed.run.task), " · ", measure, " ", direction]
    return element("tr", {"class": "group"}, element("th", {"scope": "rowgroup", "colspan": "5"}, *name))


def _score_row(score: Score, scale: str, axis: Axis) -> Element:
    listed, figure = score.listed, score.figure
    value, interval = number(figure.value, scale), interval_text(figure, scale)
    plot = interval_row(axis, listed.place, figure.value, figure.interval, f"{listed.letter}: {value}, {interval}")
    return element(
        "tr",
        {},
        element("th", {"scope": "row"}, run_name(listed)),
        element("td", {"class": "number value"}, value),
        element("td", {"class": "number interval"}, interval),
        element("td", {"class": "number n"}, f"{figure.n:,}"),
        element("td", {"class": "plot-cell"}, plot),
    )


def _how(group: Sequence[Score]) -> Element:
    """How the intervals were made, and the signatures: once where the runs agree, else of each."""
    cell = element("td", {"colspan": "5"})
    agree = len({score.figure.method for score in group}) == 1
    for score in group[:1] if agree else group:
        cell.append(element("div", {}, "" if agree else f"{score.listed.letter} ", *interval_made(score.figure)))
    agree = len({score.measure.signature for score in group}) == 1
    for score in group[:1] if agree else group:
        if score.measure.signature:
            signature = element("code", {}, score.measure.signature)
            who = "" if agree else f"{score.listed.letter} "
            cell.append(element("div", {}, who, text("span", "signature"), " ", signature))
    if not agree:
        cell.append(text("div", "signatures_differ", {"class": "warning"}))
    return element("tr", {"class": "how"}, cell)
