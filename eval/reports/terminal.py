"""Figures as tables in a terminal, every one with its interval; without a terminal the same rows, never cut."""

import sys
from collections.abc import Iterator

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from appkit.cli.printable import on_one_line
from eval.harness.compare import MeasureComparison, RunComparison
from eval.harness.run_header import shown
from eval.harness.stored_run import Run
from eval.metrics import Figure
from eval.texts import text

_UNBOUNDED = 10_000  # columns where nobody looks on
_MAX_DIFFERING = 12


def print_run(run: Run, num_kept: int = 0) -> None:
    """A table of the figures of a run, and where it is kept.

    Args:
        num_kept: samples that were done before this call.
    """
    console = _console()
    confidence = next(iter(run.figures.values())).confidence if run.figures else 0.95
    table = _table(text("run_title", task=run.task, model=run.model), text("measure"))
    for heading in (text("value"), text("interval", confidence=confidence), text("samples")):
        table.add_column(heading, justify="right")
    for measure in run.measures:
        figure = run.figures[measure.name]
        table.add_row(
            _cell(_named(measure.name, measure.higher_is_better)), _cell(_number(figure.value)), _interval(figure),
            _cell(f"{figure.n:,}"),
        )  # fmt: skip
    console.print(table)
    if not all(measure.higher_is_better for measure in run.measures):
        _say(console, text("lower_is_better"))
    for measure in run.measures:
        figure = run.figures[measure.name]
        if measure.signature:
            _say(console, text("run_signature", measure=measure.name, signature=measure.signature))
        if figure.interval is None:
            _say(console, text("run_signature", measure=measure.name, signature=figure.method))
    kept = {"folder": run.folder, "count": num_kept, "total": run.num_samples}
    _say(console, text("run_reused" if num_kept else "run_kept", **kept))


def print_comparison(found: RunComparison) -> None:
    """A table of differences, and in words whether each is more than chance."""
    console = _console()
    _say(console, text("compare_runs", a=_about(found.a), b=_about(found.b)))
    for name, in_a, in_b in found.differing[:_MAX_DIFFERING]:
        _say(console, text("compare_differing", name=name, a=shown(in_a), b=shown(in_b)))
    if len(found.differing) > _MAX_DIFFERING:
        _say(console, text("compare_more_differing", count=len(found.differing) - _MAX_DIFFERING))
    table = _table(text("compare_title", task=found.a.task, count=found.num_samples), text("measure"))
    headings = ("A", "B", text("difference"), text("interval", confidence=_confidence(found)), "p", text("went"))
    for heading in headings:
        table.add_column(heading, justify="right")
    for measured in found.measures:
        table.add_row(*map(_cell, _comparison_row(measured)))
    console.print(table)
    for measured in found.measures:
        _say(console, in_words(measured))
    if found.only_in_one:
        _say(console, text("only_in_one", measures=", ".join(found.only_in_one)))


def in_words(measured: MeasureComparison) -> str:
    """Whether the difference is larger than chance explains."""
    name = measured.measure.name
    if measured.reason is not None:
        return text(measured.reason, measure=name)
    if measured.better is None:
        return text("no_difference", measure=name)
    p = "–" if measured.p_value is None else _p(measured.p_value)
    p = p if p.startswith("<") else f"= {p}"
    if measured.is_more_than_chance:
        return text("larger_than_chance", measure=name, better=measured.better.upper(), p=p)
    return text("within_chance", measure=name, p=p)


def _comparison_row(measured: MeasureComparison) -> Iterator[str]:
    yield _named(measured.measure.name, measured.measure.higher_is_better)
    yield _number(measured.a.value)
    yield _number(measured.b.value)
    yield f"{measured.b.value - measured.a.value:+.4g}"
    interval = measured.difference.interval if measured.difference else None
    yield f"{interval[0]:+.4g} … {interval[1]:+.4g}" if interval else "–"
    yield "–" if measured.p_value is None else _p(measured.p_value)
    yield f"{len(measured.went_right)} / {len(measured.went_wrong)}" if measured.is_right_or_wrong else "–"


def _confidence(found: RunComparison) -> float:
    return next((one.difference.confidence for one in found.measures if one.difference), 0.95)


def _about(run: Run) -> str:
    return f"{run.model} · {run.folder}"


def _table(title: str, first: str) -> Table:
    table = Table(title=_cell(title), title_justify="left", title_style="bold", box=SIMPLE, pad_edge=False)
    table.add_column(first, no_wrap=True)
    return table


def _named(name: str, higher_is_better: bool) -> str:
    return name if higher_is_better else f"{name} ↓"


def _interval(figure: Figure) -> Text:
    return _cell(f"{_number(figure.interval[0])} … {_number(figure.interval[1])}" if figure.interval else "–")


def _number(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"


def _p(p_value: float) -> str:
    return f"{p_value:.4f}" if p_value >= 0.0001 else "< 0.0001"


def _cell(content: str) -> Text:
    """What came out of a file is text, whatever it says: no markup, nothing a terminal obeys."""
    return Text(on_one_line(content))


def _say(console: Console, words: str) -> None:
    for line in words.splitlines():
        console.print(_cell(line), soft_wrap=True)


def _console() -> Console:
    console = Console(highlight=False)
    return console if sys.stdout.isatty() else Console(highlight=False, width=_UNBOUNDED)
