"""`appkit eval`: the evaluations anybody can run, found by the command line through the entry point of this group.

An evaluation is a module of `eval.tasks` with two functions: `evaluate(model, limit, on_progress)` gives a report with
"run" and "summary", as plain data, and `as_markdown(report)` makes the page of it. A line in `TASKS` adds one.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import MappingProxyType
from typing import Annotated, Any

import typer

TASKS = MappingProxyType(
    {
        "bfcl": "function calls: one, a choice among several, none (Berkeley Function Calling Leaderboard)",
    }
)

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def evaluations() -> None:
    """Measure a model, with the figures that eval/results holds."""


@app.command("list")
def list_tasks() -> None:
    """What can be run."""
    for name, about in TASKS.items():
        typer.echo(f"{name}  {about}")


@app.command()
def run(
    task: Annotated[str, typer.Argument(help="A name that `appkit eval list` shows.")],
    model: Annotated[str, typer.Option("--model", "-m", help="A model, as everywhere.")] = "smollm2-135m",
    limit: Annotated[int, typer.Option("--limit", min=1, help="Questions of each category.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report with every outcome as JSON.")] = False,
) -> None:
    """Run one evaluation and print its figures."""
    if task not in TASKS:
        raise typer.BadParameter(f"There is no evaluation {task!r}; there are: {', '.join(TASKS)}.", param_hint="TASK")
    module = import_module(f"eval.tasks.{task}")
    with _progress(task) as on_progress:
        report: dict[str, Any] = module.evaluate(model, limit, on_progress)
    typer.echo(json.dumps(report, ensure_ascii=False) if as_json else module.as_markdown(report))


@contextmanager
def _progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A function to call with (questions done, questions in all), shown as a bar where a person looks on."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        shown = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(shown, completed=done, total=total)
