"""Shows an agent at work: a live view at a terminal, plain lines elsewhere. What it says is in `agent_lines.py`."""

import os
import shutil
import sys
import threading
import time
import warnings
from collections.abc import Sequence
from typing import Any, Protocol, Self, TextIO

from appkit.agents.events import AgentEvent, StepFinished, StepStarted, TextDelta
from appkit.agents.limits import Limits
from appkit.cli.agent_lines import AgentLines
from appkit.cli.columns import fitted
from appkit.cli.keyboard import delaying_ctrl_c
from appkit.cli.live_markdown import LiveLines
from appkit.cli.markdown import DIM, Line, Run, plain
from appkit.cli.texts import text

_TICK_S = 1.0  # how often the time that is left is shown anew
_MIN_INTERVAL_S = 0.03  # between two paintings while text streams


class AgentView(Protocol):
    """Takes events as they come; a context manager that leaves the terminal as it should be."""

    def show(self, event: AgentEvent) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


def open_view(limits: Limits) -> AgentView:
    """A view on standard output where that is a terminal, else on standard error: the other is for the answer."""
    out = sys.stdout if sys.stdout.isatty() else sys.stderr
    if out.isatty() and os.environ.get("TERM") != "dumb":
        return LiveView(out, limits, has_colours=not os.environ.get("NO_COLOR"))
    return PlainView(out)


class NoView:
    """Shows nothing: a program reads the result."""

    def show(self, event: AgentEvent) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass


class PlainView(NoView):
    """Each line when it is final."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lines = AgentLines(shutil.get_terminal_size().columns)

    def show(self, event: AgentEvent) -> None:
        self._write(self._lines.take(event))

    def __exit__(self, *exc: object) -> None:
        self._write(self._lines.rest())

    def _write(self, lines: Sequence[Line]) -> None:
        self._out.write("".join(plain(line) + "\n" for line in lines))
        self._out.flush()


class LiveView:
    """Lines that grow while the model writes, above one that says how far the limits are used.

    A thread of its own repaints that line, so that it goes on while the model reads or a tool works.
    """

    def __init__(self, out: TextIO, limits: Limits, *, has_colours: bool) -> None:
        size = _size_of(out)
        self._lines = AgentLines(size.columns)
        self._screen = LiveLines(out, width=size.columns, height=size.lines)
        self._width = size.columns
        self._limits = limits
        self._has_colours = has_colours
        self._started = time.monotonic()
        self._step = self._num_tokens = self._num_pieces = 0
        self._next_time = 0.0
        self._show_warning_before = warnings.showwarning
        self._painting = threading.Lock()
        self._ended = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="agent-view", daemon=True)

    def show(self, event: AgentEvent) -> None:
        with delaying_ctrl_c(), self._painting:
            final = self._lines.take(event)
            if isinstance(event, StepStarted):
                self._step = event.step
            if isinstance(event, TextDelta):
                self._num_pieces += 1  # about a token each, until the step's own count is there
            if isinstance(event, StepFinished):
                self._num_tokens += event.step.usage.completion_tokens
                self._num_pieces = 0
            if not isinstance(event, TextDelta) or time.monotonic() >= self._next_time:
                self._paint(final, [*self._lines.unfinished(), self._status()])

    def __enter__(self) -> Self:
        warnings.showwarning = self._show_warning
        self._ticker.start()
        return self

    def __exit__(self, *exc: object) -> None:
        with delaying_ctrl_c():
            warnings.showwarning = self._show_warning_before
            self._ended.set()
            self._ticker.join()
            self._paint(self._lines.rest(), [])
            self._screen.end()

    def _show_warning(self, *args: Any, **kwargs: Any) -> None:
        """A notice goes where the changing lines were; they come back below it."""
        with self._painting:
            self._screen.show([], [])
            self._show_warning_before(*args, **kwargs)

    def _tick(self) -> None:
        while not self._ended.wait(_TICK_S):
            with self._painting:
                self._paint([], [*self._lines.unfinished(), self._status()])

    def _paint(self, final: Sequence[Line], changing: Sequence[Line]) -> None:
        self._screen.show(*([*map(self._coloured, lines)] for lines in (final, changing)))
        self._next_time = time.monotonic() + _MIN_INTERVAL_S

    def _coloured(self, line: Line) -> Line:
        return line if self._has_colours else (Run(plain(line)),)

    def _status(self) -> Line:
        limits = self._limits
        words = text(
            "agent_status",
            step=self._step,
            steps=limits.steps,
            tokens=max(0, limits.tokens - self._num_tokens - self._num_pieces),
            seconds=max(0, round(limits.seconds - (time.monotonic() - self._started))),
        )
        return (Run(fitted(words, self._width - 1).rstrip(), DIM),)


def _size_of(out: TextIO) -> os.terminal_size:
    try:
        return os.get_terminal_size(out.fileno())
    except OSError:
        return shutil.get_terminal_size()
