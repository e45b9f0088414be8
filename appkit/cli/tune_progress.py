"""What a person sees of a run while it trains: a bar on a terminal, a line now and then elsewhere."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from appkit.cli.texts import text

if TYPE_CHECKING:
    from runtime import TrainingProgress

_LINES = 10  # a run, where there is no terminal

Show = Callable[["TrainingProgress"], None]


@contextmanager
def show_steps(num_steps: int, steps_done: int) -> Iterator[Show]:
    """A function to call after every step. Owns the line at the bottom of the terminal while the block runs."""
    if not sys.stderr.isatty():
        yield _line_now_and_then
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    fields = ("{task.completed:.0f}/{task.total:.0f}", "{task.fields[losses]}", "{task.fields[rest]}")
    first, *others = (TextColumn(field, markup=False) for field in fields)
    with Progress(first, BarColumn(bar_width=18), *others, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=num_steps, completed=steps_done, losses="", rest="")
        last_eval: float | None = None

        def show(progress: "TrainingProgress") -> None:
            nonlocal last_eval
            last_eval = last_eval if progress.eval_loss is None else progress.eval_loss
            bar.update(task, completed=progress.step, losses=_losses(progress.loss, last_eval), rest=_rest(progress))

        yield show


class Interrupts:
    """Ctrl-C, or a polite kill, taken as a wish to stop after the step that is under way; a second stops at once."""

    def __init__(self) -> None:
        self.is_wished = False
        self._former: dict[int, Any] = {}

    def listen(self) -> None:
        """From now on; before, Ctrl-C ends the command as it does elsewhere. In the main thread."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._former[number] = signal.signal(number, self._heard)

    def close(self) -> None:
        """Put back what was there."""
        for number, handler in self._former.items():
            signal.signal(number, handler)
        self._former.clear()

    def _heard(self, number: int, frame: object) -> None:
        if self.is_wished:
            raise KeyboardInterrupt
        self.is_wished = True
        typer.echo("\n" * sys.stderr.isatty() + text("tune_stopping"), err=True)  # the terminal has shown ^C


def _line_now_and_then(progress: "TrainingProgress") -> None:
    every = max(1, progress.num_steps // _LINES)
    if progress.eval_loss is not None or progress.step % every == 0 or progress.has_returned:
        place = f"{progress.step}/{progress.num_steps}"
        typer.echo(f"{place}  {_losses(progress.loss, progress.eval_loss)}  {_rest(progress)}", err=True)


def _losses(loss: float, eval_loss: float | None) -> str:
    shown = text("tune_loss", loss=loss)
    return shown if eval_loss is None else f"{shown}  {text('tune_eval_loss', loss=eval_loss)}"


def _rest(progress: "TrainingProgress") -> str:
    left = duration(progress.seconds_left)
    return text("tune_speed", speed=progress.tokens_per_s, left=left)


def duration(seconds: float) -> str:
    """As minutes and seconds, hours before them where there are any."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
