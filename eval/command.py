"""`appkit eval`: run evaluations, compare runs, report on them. Found by the command line through an entry point."""

import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runtime import DEFAULT_MODEL

if TYPE_CHECKING:
    from appkit import LanguageModel
    from eval.harness.model_identity import ModelIdentity
    from eval.harness.task import Task

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

RunArgument = Annotated[Path, typer.Argument(help="The folder of a finished run.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.callback()
def evaluations() -> None:
    """Measure models, prompts and pipelines, with intervals; compare them; everything offline."""


@app.command("list")
def list_evaluations(
    task: Annotated[str | None, typer.Argument(help="A name, or a .yaml file: show what --set takes.")] = None,
) -> None:
    """What can be run; of one TASK, what can be set."""
    from eval.harness.registry import describe_task, list_tasks
    from eval.texts import text

    if task is None:
        _print_list({entry.name: entry.about for entry in list_tasks()})
        return
    with _usage_errors():
        entry = describe_task(task)
    typer.echo(entry.about)
    typer.echo(text("list_settings" if entry.settings else "list_no_settings"))
    _print_list(entry.settings)


@app.command()
def run(
    tasks: Annotated[
        list[str], typer.Argument(metavar="TASK", help="Names that `appkit eval list` shows, or .yaml files.")
    ],
    model: Annotated[
        str, typer.Option("-m", "--model", help="A catalog name, a model file, hf:… or openai:http://host/v1#model.")
    ] = DEFAULT_MODEL,
    adapter: Annotated[
        Path | None,
        typer.Option("--adapter", metavar="FOLDER", help="Measure it with the LoRA adapter in this folder."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="The first samples only; a larger one later goes on from them.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A setting of the task; may be repeated."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The folder of the run; of several tasks, a folder in it for each."),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what the folder holds of an earlier run.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print results.json, one line a task.")] = False,
) -> None:
    """Measure a model by one or more tasks.

    Every sample is kept as soon as it is done. A run that was stopped, or killed, goes on when the same command is
    given again, and ends with the same files.
    """
    from eval.harness.model_identity import open_identified
    from eval.harness.registry import find_task

    with _usage_errors():
        chosen = [find_task(name, _pairs(settings or ())) for name in tasks]
        folders = _folders(output, [task.name for task in chosen])
    command = _command_to_go_on(tasks, model, adapter, limit, settings or (), output)
    needs_model = any(task.needs_model for task in chosen)
    with open_identified(model if needs_model else None, adapter) as (opened, identity):
        for task, folder in zip(chosen, folders, strict=True):
            _run_one(task, opened, identity, limit, folder, fresh=fresh, as_json=as_json, command=command)


@app.command()
def compare(a: RunArgument, b: RunArgument, as_json: JsonOption = False) -> None:
    """How far run B lies above run A, and whether that is more than chance explains.

    Both must have been asked the same samples; they are compared sample by sample.
    """
    from appkit.cli.printable import json_text
    from eval.harness.compare import compare_runs
    from eval.reports.terminal import print_comparison

    found = compare_runs(a, b)
    if as_json:
        typer.echo(json_text(found.as_json()))
    else:
        print_comparison(found)


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Folders of finished runs.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The HTML file to write.")],
) -> None:
    """One HTML file about runs: scores with intervals, every sample, and the differences between runs of a task."""
    from eval.reports.html import write_report
    from eval.texts import text

    write_report(runs, output)
    typer.echo(text("report_written", path=output))


def _run_one(
    task: "Task",
    model: "LanguageModel | None",
    identity: "ModelIdentity",
    limit: int | None,
    folder: Path | None,
    *,
    fresh: bool,
    as_json: bool,
    command: str,
) -> None:
    """Run a task on an open model and print its figures; after Ctrl-C say how to go on."""
    from appkit.cli.printable import json_text, printable
    from eval.harness.run import run_task
    from eval.reports.terminal import print_run
    from eval.texts import text

    counts: list[tuple[int, int]] = []  # (done, total) at the start, and then each time

    with _progress(task.name) as show:

        def on_progress(done: int, total: int) -> None:
            counts[1:] = [(done, total)]
            show(done, total)

        try:
            finished = run_task(task, model, identity, limit=limit, output=folder, fresh=fresh, on_progress=on_progress)
        except KeyboardInterrupt:
            done, total = counts[-1] if counts else (0, 0)
            message = text("run_stopped", count=done, total=total, task=task.name, command=command)
            typer.echo(printable(message), err=True)
            raise typer.Exit(130) from None
        except Exception:
            if counts and counts[-1][0]:
                typer.echo(text("run_failed", count=counts[-1][0], total=counts[-1][1], task=task.name), err=True)
            raise
    if as_json:
        typer.echo(json_text(finished.results))
    else:
        print_run(finished, num_kept=counts[0][0])


@contextmanager
def _progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A function to call with (samples done, samples in all): a bar with the time left, where a person looks on."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        shown = bar.add_task(label, total=None)
        is_begun = False

        def show(done: int, total: int) -> None:
            nonlocal is_begun
            if is_begun:
                bar.update(shown, completed=done)
            else:  # what was done before tells nothing of the speed
                bar.reset(shown, total=total, completed=done)
                is_begun = True

        yield show


@contextmanager
def _usage_errors() -> Iterator[None]:
    """What is wrong with what was typed, as wrong usage."""
    try:
        yield
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _pairs(settings: Sequence[str]) -> dict[str, str]:
    """NAME=VALUE as a mapping. Raises ValueError for another form, or a name given twice."""
    pairs: dict[str, str] = {}
    for setting in settings:
        name, sign, value = setting.partition("=")
        if not sign or not name:
            raise ValueError(f"--set takes NAME=VALUE, not {setting!r}.")
        if name in pairs:
            raise ValueError(f"--set gives {name} twice.")
        pairs[name] = value
    return pairs


def _folders(output: Path | None, names: Sequence[str]) -> list[Path | None]:
    """Where each task is kept. Raises ValueError for a task that is named twice."""
    if len(set(names)) < len(names):
        raise ValueError(f"A task is named twice: {', '.join(names)}.")
    from eval.harness.run_header import as_file_name

    if output is None or len(names) == 1:
        return [output] * len(names)
    return [output / as_file_name(name) for name in names]


def _command_to_go_on(
    tasks: Sequence[str],
    model: str,
    adapter: Path | None,
    limit: int | None,
    settings: Sequence[str],
    output: Path | None,
) -> str:
    """The same command, without --fresh, which would begin anew."""
    parts = ["appkit", "eval", "run", *tasks, "-m", model]
    parts += ["--adapter", str(adapter)] if adapter is not None else []
    parts += ["--limit", str(limit)] if limit is not None else []
    parts += [part for setting in settings for part in ("--set", setting)]
    return shlex.join([*parts, *(["-o", str(output)] if output is not None else [])])


def _print_list(entries: Mapping[str, str]) -> None:
    """Names in a column, and beside each what is said of it."""
    from appkit.cli.columns import columns, wrapped_list
    from appkit.cli.printable import on_one_line

    width = max(map(columns, entries), default=0)
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for name, about in entries.items():
        line = f"{on_one_line(name)}{' ' * (width - columns(name))}  {on_one_line(about)}"
        typer.echo(line if room is None else wrapped_list(line, room))
