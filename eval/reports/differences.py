"""What tells two runs of a task apart: differences with intervals and p-values, and which samples changed."""

import json
from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element

from appkit.errors import EvaluationError
from eval.harness.compare import MeasureComparison, RunComparison, compare_runs
from eval.metrics import Figure
from eval.reports.listed_runs import ListedRun, by_task, run_name
from eval.reports.markup import Child, append_, element
from eval.reports.page_text import text
from eval.reports.score_axis import Axis, difference_axis, scale_of
from eval.reports.score_plot import axis_row, interval_row
from eval.reports.scores import interval_made, interval_text, number, numbers_of


def differences_section(runs: Sequence[ListedRun]) -> Element | None:
    """Every run against the first of its task; None where no task has two runs."""
    pairs = [(of_task[0], other) for of_task in by_task(runs).values() for other in of_task[1:]]
    if not pairs:
        return None
    section = element("section", {"id": "differences"}, text("h2", "differences"))
    section.append(text("p", "differences_about", {"class": "about"}))
    for a, b in pairs:
        append_(section, _pair(a, b))
    return section


def _pair(a: ListedRun, b: ListedRun) -> Iterator[Element]:
    title = element("h3", {}, element("bdi", {}, a.run.task), ": ", run_name(b), " \N{MINUS SIGN} ", run_name(a))
    try:
        found = compare_runs(a.run, b.run)
    except (
        EvaluationError,
        ModuleNotFoundError,
    ) as error:  # the one says what does not match, the other what to install
        yield title
        yield element("p", {"class": "warning"}, text("span", "not_comparable"), " ", str(error))
        return
    yield title
    yield _table(found, a, b)


def _table(found: RunComparison, a: ListedRun, b: ListedRun) -> Element:
    table = element("table", {"class": "differences"}, element("thead", {}, _head(a, b)))
    for scale, measures in _by_scale(found).items():
        numbers = [value for each in measures if each.difference for value in numbers_of(each.difference)]
        axis = difference_axis(numbers)
        body = element("tbody")
        if numbers:
            scale_name = element("td", {"colspan": "5"})
            body.append(element("tr", {"class": "axis-row"}, scale_name, _plot_cell(axis_row(axis))))
        for each in measures:
            body.append(_row(each, scale, axis, b))
            body.append(_how(each, a, b))
        table.append(body)
    return table


def _head(a: ListedRun, b: ListedRun) -> Element:
    number_cell = {"scope": "col", "class": "number"}
    return element(
        "tr",
        {},
        text("th", "measure", {"scope": "col"}),
        element("th", number_cell, a.letter),
        element("th", number_cell, b.letter),
        text("th", "difference", {"scope": "col", "class": "number wide"}),
        text("th", "p_value", number_cell),
        element("td", {"class": "plot-cell"}),
    )


def _by_scale(found: RunComparison) -> dict[str, list[MeasureComparison]]:
    scales: dict[str, list[MeasureComparison]] = {"share": [], "percent": []}
    for each in found.measures:
        scale = scale_of(each.measure.name, [*numbers_of(each.a), *numbers_of(each.b)])
        scales.setdefault(scale, []).append(each)
    return {scale: measures for scale, measures in scales.items() if measures}


def _row(each: MeasureComparison, scale: str, axis: Axis, b: ListedRun) -> Element:
    measure = element("b", {}, element("bdi", {}, each.measure.name))
    direction = text("small", "higher_is_better" if each.measure.higher_is_better else "lower_is_better")
    row = element("tr", {}, element("th", {"scope": "row"}, measure, " ", direction))
    for figure in (each.a, each.b):
        row.append(element("td", {"class": "number"}, number(figure.value, scale)))
    difference = each.difference
    if difference is None:
        row.append(element("td", {"class": "number value"}, signed(each.b.value - each.a.value, scale)))
        append_(row, [element("td", {"class": "number"}, "—"), element("td", {"class": "plot-cell"})])
        return row
    value, interval = signed(difference.value, scale), interval_text(difference, scale)
    p_value = "—" if each.p_value is None else _p_text(each.p_value)
    plot = interval_row(axis, b.place, difference.value, difference.interval, f"{value}, {interval}, p = {p_value}")
    row.append(element("td", {"class": "number value"}, value, element("small", {}, interval)))
    append_(row, [element("td", {"class": "number"}, p_value), _plot_cell(plot)])
    return row


def signed(value: float, scale: str) -> str:
    """A difference, with its sign also where it is above zero."""
    return f"{'+' if value > 0 else ''}{number(value, scale)}"


def _p_text(p_value: float) -> str:
    return f"{p_value:.3f}" if p_value >= 0.001 else "< 0.001"


def _how(each: MeasureComparison, a: ListedRun, b: ListedRun) -> Element:
    """Whether it may be chance, how that was found, and the samples that changed."""
    cell = element("td", {"colspan": "6"})
    if each.reason is not None:
        cell.append(text("div", f"reason_{each.reason}"))
    else:
        verdict = text("b", "more_than_chance" if each.is_more_than_chance else "may_be_chance")
        cell.append(element("div", {}, verdict, " ", element("bdi", {}, each.test), "; ", *_made(each.difference)))
    if each.is_right_or_wrong:
        changes: list[Child] = []
        for name, doc_ids in (("gained", each.went_right), ("lost", each.went_wrong)):
            changes.append(_show_button(each, name, len(doc_ids), a, b))
        cell.append(element("div", {}, *changes))
    return element("tr", {"class": "how"}, cell)


def _made(difference: Figure | None) -> list[Child]:
    return [] if difference is None else interval_made(difference)


def _show_button(each: MeasureComparison, filter_name: str, count: int, a: ListedRun, b: ListedRun) -> Element:
    """Opens the samples that changed in the browser below."""
    shown = {"runs": [a.idx, b.idx], "measure": each.measure.name, "filter": filter_name}
    attributes = {"type": "button", "data-show": json.dumps(shown)}
    return text("button", f"show_{filter_name}", attributes, count=count, a=a.letter, b=b.letter)


def _plot_cell(plot: Element) -> Element:
    return element("td", {"class": "plot-cell"}, plot)
