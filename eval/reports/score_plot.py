"""Scores as a plot: one small SVG a row, so that it keeps its proportions at any width and reads as part of a table.

A run has its letter, its colour and the shape of its marker; no one of them has to be seen to tell runs apart.
"""

from xml.etree.ElementTree import Element

from eval.reports.markup import element
from eval.reports.score_axis import Axis

MARKERS = (
    "M0-5.5A5.5 5.5 0 1 1 0 5.5A5.5 5.5 0 1 1 0-5.5Z",  # a disc
    "M-5-5H5V5H-5Z",  # a square
    "M0-7L6.5 5H-6.5Z",  # a triangle
    "M0-7L7 0L0 7L-7 0Z",  # a diamond
    "M-2-6H2V-2H6V2H2V6H-2V2H-6V-2H-2Z",  # a cross
    "M0 7L6.5-5H-6.5Z",  # a triangle upside down
)
ROW_HEIGHT = 26


def marker(run_idx: int) -> Element:
    """The marker of a run, for beside its name."""
    attributes = {"class": f"marker run-{run_idx % len(MARKERS)}", "viewBox": "-8 -8 16 16", "aria-hidden": "true"}
    return element("svg", attributes, element("path", {"d": MARKERS[run_idx % len(MARKERS)]}))


def interval_row(axis: Axis, run_idx: int, value: float, interval: tuple[float, float] | None, label: str) -> Element:
    """One value and its interval on `axis`.

    Args:
        label: what is seen, in words.
    """
    middle = str(ROW_HEIGHT // 2)
    row = element("svg", {"class": f"plot run-{run_idx % len(MARKERS)}", "role": "img", "aria-label": label})
    row.extend(_grid(axis))
    if interval is not None:
        ends = [axis.percent(end) for end in interval]
        whisker = {"class": "whisker", "x1": ends[0], "x2": ends[1], "y1": middle, "y2": middle}
        row.append(element("line", whisker))
        for end in ends:
            row.append(element("line", {"class": "whisker", "x1": end, "x2": end, "y1": "8", "y2": "18"}))
    # An <svg> inside takes its place in percent, which a path cannot.
    place = element("svg", {"x": axis.percent(value), "y": middle, "overflow": "visible"})
    place.append(element("path", {"d": MARKERS[run_idx % len(MARKERS)]}))
    row.append(place)
    return row


def axis_row(axis: Axis) -> Element:
    """The numbers along the axis."""
    row = element("svg", {"class": "plot axis", "aria-hidden": "true"})
    for tick in axis.ticks:
        row.append(element("text", {"x": axis.percent(tick), "y": "17", "text-anchor": "middle"}, tick_label(tick)))
    return row


def tick_label(tick: float) -> str:
    return f"{tick:.6g}".replace("-", "\N{MINUS SIGN}")


def _grid(axis: Axis) -> list[Element]:
    lines = []
    for tick in axis.ticks:
        place = axis.percent(tick)
        kind = "zero" if tick == 0 and axis.low < 0 else "grid"
        lines.append(element("line", {"class": kind, "x1": place, "x2": place, "y1": "0", "y2": "100%"}))
    return lines
