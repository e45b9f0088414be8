"""`appkit tune run DATA -m MODEL -o FOLDER`: train an adapter. The JSON shape is promised to scripts."""

import os
import shlex
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from appkit.cli.open_model import with_models
from appkit.cli.texts import text
from appkit.cli.tune_options import config_of_command, takes_run_options

if TYPE_CHECKING:
    from appkit.tuning import TuneResult, TuneStart
    from runtime import TrainingProgress

_MAX_NAMED = 5  # lines, keys
_CLEARLY = 0.95  # of a loss, or less: more than the last evaluations differ by anyway


@takes_run_options
def run(
    ctx: typer.Context,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FOLDER", help="Where the adapter goes; else a place of appkit's own."),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Begin anew; an old adapter is replaced when the new one is complete.")
    ] = False,
    ignore_memory: Annotated[
        bool, typer.Option("--ignore-memory", help="Begin though the plan says that memory will not do.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object at the end, and no progress.")] = False,
) -> None:
    """Train an adapter on your own data. Stopped or killed, the same command goes on where it was."""
    from appkit.tuning import run_tuning

    options = config_of_command(ctx)
    if options.model.startswith("openai:"):
        raise ValueError(text("tune_needs_weights", model=options.model))
    with ExitStack() as stack:
        view = _View(stack, is_quiet=as_json)
        result = with_models(
            lambda: run_tuning(
                options,
                output,
                fresh=fresh,
                ignore_memory=ignore_memory,
                on_start=view.start,
                on_step=view.step,
                should_stop=lambda: view.interrupts.is_wished,
            )
        )
    if as_json:
        from appkit.cli.printable import json_text

        typer.echo(json_text(_as_json(result)))
    elif result.is_finished:
        _print_summary(result, system=options.system, is_new=view.has_started)
    else:
        typer.echo(text("tune_stopped", steps=result.num_steps, path=_typed(str(result.folder))), err=True)
    if not result.is_finished:
        raise typer.Exit(130)


class _View:
    """Shows a run as it is told of it, until the stack is closed."""

    def __init__(self, stack: ExitStack, *, is_quiet: bool) -> None:
        from appkit.cli.tune_progress import Interrupts

        self._stack = stack
        self._is_quiet = is_quiet
        self.has_started = False
        self.interrupts = Interrupts()
        self._show: Any = None

    def start(self, start: "TuneStart") -> None:
        """Say what is trained on what, and listen for Ctrl-C."""
        from appkit.cli.tune_progress import show_steps

        self.has_started = True
        self.interrupts.listen()
        self._stack.callback(self.interrupts.close)
        if not self._is_quiet:
            for line in _about(start):
                typer.echo(line, err=True)
            self._show = self._stack.enter_context(show_steps(start.data.num_steps, start.steps_done))

    def step(self, progress: "TrainingProgress") -> None:
        """Show a step."""
        if self._show is not None:
            self._show(progress)


def _about(start: "TuneStart") -> list[str]:
    """What a person checks before leaving the machine to it."""
    from appkit.cli.printable import on_one_line

    prepared, config = start.data.prepared, start.config
    num_trained = len(prepared.train) + len(prepared.train_pairs)
    num_validated = len(prepared.validation) + len(prepared.validation_pairs)
    lines = [
        text(
            "tune_run_data",
            path=_typed(config.data),
            format=prepared.reports[0].format,
            count=num_trained,
            tokens=start.data.num_tokens,
            learnt=sum(row.num_supervised for row in start.data.rows),
        ),
        text(
            "tune_run_steps",
            method=config.method,
            model=_typed(config.model),
            parameters=start.num_parameters,
            rate=start.learning_rate,
            steps=start.data.num_steps,
            tokens=round(start.data.num_tokens / len(start.data.rows) * config.accumulation),
        ),
    ]
    if num_validated:
        lines.append(text("tune_run_validation", count=num_validated, every=start.data.eval_every))
    for report in prepared.reports:
        if report.ignored_keys:
            lines.append(text("tune_ignored", keys=on_one_line(", ".join(report.ignored_keys[:_MAX_NAMED]))))
        if report.bad:
            numbers = ", ".join(str(line.line_number) for line in report.bad[:_MAX_NAMED])
            numbers += ", …" * (len(report.bad) > _MAX_NAMED)
            lines.append(text("tune_run_skipped", path=_typed(str(report.path)), count=len(report.bad), lines=numbers))
        if report.too_long:
            lines.append(text("tune_run_dropped", path=_typed(str(report.path)), count=len(report.too_long)))
    if prepared.num_leaked:
        lines.append(text("tune_leaked", count=prepared.num_leaked))
    if start.steps_done:
        lines.append(text("tune_run_going_on", steps=start.steps_done))
    return lines


def _print_summary(result: "TuneResult", *, system: str | None, is_new: bool) -> None:
    from appkit.cli.loss_chart import EVALUATION, loss_chart
    from appkit.cli.tune_progress import duration
    from appkit.tuning.folder import TuneFolder
    from appkit.tuning.plot import smoothed

    if not is_new:
        typer.echo(text("tune_run_finished_before", path=_typed(str(result.folder))))
    curve = smoothed(result.losses)
    typer.echo(text("tune_run_done", steps=result.num_steps, time=duration(result.seconds), tokens=result.num_tokens))
    typer.echo(text("tune_run_losses", before=curve[0], after=curve[-1]))
    if result.eval_before is not None and result.eval_after is not None:
        typer.echo(text("tune_run_eval", before=result.eval_before, after=result.eval_after, step=result.kept_step))
    evaluations = [] if result.eval_before is None else [(0, result.eval_before), *result.eval_losses]
    if (sys.stdout.encoding or "").lower().startswith("utf"):
        chart = loss_chart(result.losses, evaluations)
        legend = text("tune_run_legend", sign=EVALUATION) if evaluations else text("tune_run_legend_alone")
        typer.echo("\n".join(["", *chart, legend, ""] if chart else [""]))
    plot = TuneFolder(result.folder).plot_path
    typer.echo(text("tune_run_plot", path=_typed(str(plot))) if plot.exists() else text("tune_run_no_plot"))
    for line in _advice(result):
        typer.echo(line)
    typer.echo(text("tune_run_use", folder=_typed(str(result.folder))))
    for command in _commands(result, system):
        typer.echo(f"  {command}")


def _commands(result: "TuneResult", system: str | None) -> list[str]:
    """What to type next; asked with another system message than it was trained with, an adapter answers worse."""
    from appkit.tuning.methods import find_method

    folder, model = _typed(str(result.folder)), _typed(result.model)
    said = "" if system is None else f" -s {shlex.quote(system)}"
    commands = [
        f"appkit chat -m {model} --adapter {folder}{said}",
        f"appkit eval run {text('tune_run_task')} -m {model} --adapter {folder}",
    ]
    if find_method(result.method).can_merge:
        commands.append(f"appkit adapters merge {folder} -m {model} -o merged.gguf")
    return commands


def _typed(path: str) -> str:
    """As a person here would type it: what lies below this folder by its relative path."""
    if os.path.isabs(path) and Path(path).is_relative_to(Path.cwd()):
        path = os.path.relpath(path)
    return shlex.quote(path)


def _advice(result: "TuneResult") -> list[str]:
    """What the figures say that a person should hear."""
    lines = []
    if result.num_returns:
        lines.append(text("tune_run_returns", count=result.num_returns, rate=result.learning_rate))
    if result.eval_before is not None and result.eval_after is not None and result.eval_losses:
        best_step, best = min(result.eval_losses, key=lambda found: found[1])
        if result.eval_after >= result.eval_before:
            lines.append(text("tune_run_no_better"))
        elif best < _CLEARLY * result.eval_after:
            lines.append(text("tune_run_was_better", loss=best, step=best_step))
    return lines


def _as_json(result: "TuneResult") -> dict[str, Any]:
    return {
        "folder": str(result.folder),
        "model": result.model,
        "method": result.method,
        "finished": result.is_finished,
        "steps": result.num_steps,
        "kept_step": result.kept_step,
        "losses": list(result.losses),
        "eval_losses": [list(found) for found in result.eval_losses],
        "eval_before": result.eval_before,
        "eval_after": result.eval_after,
        "parameters": result.num_parameters,
        "learning_rate": result.learning_rate,
        "tokens": result.num_tokens,
        "seconds": round(result.seconds, 3),
        "returns": result.num_returns,
    }
