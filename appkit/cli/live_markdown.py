"""Markdown shown while it is being written, without flicker and with a scrollback that stays right.

Finished lines are written once, as ordinary output. Only the lines of the last, unfinished block are written again,
and of those only what changed; where they are more than the screen holds, their end is shown until they are finished.
"""

import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TextIO

from appkit.cli.columns import rows
from appkit.cli.keyboard import delaying_ctrl_c
from appkit.cli.markdown import Leaf, Line, Run, is_gap, plain, render, styled
from appkit.cli.printable import printable

_MIN_INTERVAL_S = 0.03  # between two paintings
_MAX_SHARE = 0.2  # of the time may go into painting: the model that writes needs the processor too


def print_markdown(pieces: Iterable[str]) -> None:
    """Write `pieces` to the terminal as they come, and end the line; an answer broken off stays as far as it got.

    The size is that of the terminal when the answer began.
    """
    size = shutil.get_terminal_size()
    buffer = MarkdownBuffer(size.columns)
    screen = LiveLines(sys.stdout, width=size.columns, height=size.lines)
    next_time = 0.0
    try:
        for piece in pieces:
            buffer.add(piece)
            if (started := time.monotonic()) >= next_time:
                with delaying_ctrl_c():
                    screen.show(buffer.take_finished(), buffer.unfinished())
                cost_s = time.monotonic() - started
                next_time = started + cost_s + max(_MIN_INTERVAL_S, cost_s / _MAX_SHARE)
    finally:
        with delaying_ctrl_c():
            screen.show(buffer.take_rest(), [])
            screen.end()


def rendered(source: str, width: int) -> list[Line]:
    """The lines of a text that is there as a whole."""
    buffer = MarkdownBuffer(width)
    buffer.add(source)
    return buffer.take_rest()


class MarkdownBuffer:
    """Markdown in pieces to lines: those that are final, each given once, and those that may still change.

    However a text is cut into pieces, the lines are the same in the end.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._source = ""  # from the last block on that was not final, with an empty line where one stood before it
        self._num_taken = 0  # lines of `_source` that were given already
        self._is_begun = False

    def add(self, piece: str) -> None:
        """Take in what was written next."""
        self._source += printable(piece)
        if not self._is_begun:  # empty lines before an answer are none of it
            begin = len(self._source) - len(self._source.lstrip())
            self._source = self._source[self._source.rfind("\n", 0, begin) + 1 :]
            self._is_begun = bool(self._source.strip())

    def take_finished(self) -> list[Line]:
        """Lines that no text to come can change: Markdown's blocks close line by line, and none opens again."""
        leaves = render(self._source[: self._source.rfind("\n") + 1], self._width)
        if not leaves:
            return []
        *settled, last = leaves
        lines = [*_lines(settled), *last.lines[: last.num_settled]]
        taken = lines[self._num_taken :]
        self._num_taken = max(self._num_taken, len(lines))
        self._forget_before(last.block_start, settled)
        return taken

    def unfinished(self) -> list[Line]:
        """The lines after those, as they look so far."""
        return _lines(render(self._source, self._width))[self._num_taken :]

    def take_rest(self) -> list[Line]:
        """All lines that were not given yet; no text is to come."""
        lines = self.unfinished()
        self._source, self._num_taken = "", 0
        return lines

    def _forget_before(self, block_start: int, settled: Sequence[Leaf]) -> None:
        """Drop the blocks above source line `block_start`, so that a long answer costs no more than a short one."""
        if block_start == 0:
            return
        lines = self._source.split("\n")
        gap = [""] if is_gap(lines[block_start - 1]) else []
        self._source = "\n".join([*gap, *lines[block_start:]])
        self._num_taken -= sum(len(leaf.lines) for leaf in settled if leaf.block_start < block_start)


class LiveLines:
    """The end of a terminal's output, where lines can still change. Nothing else may write there meanwhile."""

    def __init__(self, out: TextIO, *, width: int, height: int) -> None:
        self._out = out
        self._width = width
        self._height = height
        self._shown: list[_Painted] = []  # what may change
        self._is_in_line = False  # the cursor stands at the end of a line, not on a fresh one

    def show(self, final: Sequence[Line], changing: Sequence[Line]) -> None:
        """Write `final` for good where the changing lines were, and `changing` after it."""
        lines = [self._painted(line) for line in [*final, *self._that_fit(changing)]]
        num_same = _num_same(self._shown, lines)
        codes = self._codes(lines, num_same)
        # Noted before it is written: what an interrupt leaves in the stream's buffer is written all the same.
        self._shown = lines[len(final) :]
        self._is_in_line = bool(lines) or (self._is_in_line and "\r" not in codes)
        self._out.write(codes)
        self._out.flush()

    def end(self) -> None:
        """End the last line."""
        if self._is_in_line:
            self._out.write("\n")
            self._out.flush()

    def _codes(self, lines: Sequence["_Painted"], num_same: int) -> str:
        """What turns the lines shown into `lines`; the cursor stands at the end of the last one, before and after."""
        shown = self._shown
        if num_same == len(shown):
            new = "\n".join(line.codes for line in lines[num_same:])
            return f"\n{new}" if self._is_in_line and len(lines) > num_same else new
        is_longer = num_same == len(shown) - 1 < len(lines) and lines[num_same].codes.startswith(shown[-1].codes)
        if is_longer:
            return "\n".join(line.codes for line in lines[num_same:])[len(shown[-1].codes) :]
        keep = min(num_same, max(0, len(lines) - 1))  # the line the cursor ends on is written anew
        up = sum(line.rows for line in shown[keep:]) - 1
        return "\r" + (f"\x1b[{up}A" if up else "") + "\x1b[J" + "\n".join(line.codes for line in lines[keep:])

    def _that_fit(self, lines: Sequence[Line]) -> Sequence[Line]:
        """The last lines, as many as the screen holds: the cursor cannot go back to what scrolled away."""
        room = self._height - 1
        first = len(lines)
        while first and (room := room - rows(plain(lines[first - 1]), self._width)) >= 0:
            first -= 1
        if first == len(lines) > 0:  # one line of code that fills the screen by itself
            end = plain(lines[-1])[-(self._width // 2) * (self._height - 1) :]
            return [(Run(end, lines[-1][-1].style),)]
        return lines[first:]

    def _painted(self, line: Line) -> "_Painted":
        return _Painted(styled(line), rows(plain(line), self._width))


class _Painted(NamedTuple):
    codes: str
    rows: int


def _num_same(before: Sequence[_Painted], after: Sequence[_Painted]) -> int:
    """How many lines the two begin with alike."""
    return next(
        (idx for idx, (x, y) in enumerate(zip(before, after, strict=False)) if x != y), min(len(before), len(after))
    )


def _lines(leaves: Iterable[Leaf]) -> list[Line]:
    return [line for leaf in leaves for line in leaf.lines]
