"""What the keyboard may do while an answer is being written."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

CALM_S = 0.4  # longer than between two presses of an impatient finger


@contextmanager
def one_ctrl_c(*, calm_s: float = 0.0) -> Iterator[None]:
    """The first Ctrl-C within the block raises KeyboardInterrupt, those after it do nothing.

    Someone who presses it again and again wants the answer to stop, not the chat to end. After one the block lasts
    until there was no other for `calm_s`, so that the last presses do not reach the next prompt.
    """
    pressed: list[float] = []

    def press(number: int, frame: FrameType | None) -> None:
        pressed.append(time.monotonic())
        if len(pressed) == 1:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, press)
    try:
        yield
        while pressed and (left_s := pressed[-1] + calm_s - time.monotonic()) > 0:
            time.sleep(left_s)
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def delaying_ctrl_c() -> Iterator[None]:
    """What is done here is done whole; Ctrl-C is felt at its end."""
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if pressed and callable(before):
            before(signal.SIGINT, None)


@contextmanager
def without_echo() -> Iterator[None]:
    """Keys typed ahead wait for the next prompt instead of showing up inside the answer."""
    import termios

    try:
        before = termios.tcgetattr(sys.stdin)
    except (termios.error, OSError, ValueError):  # no terminal, so nothing echoes
        yield
        return
    silent = [*before]
    silent[3] &= ~termios.ECHO
    silent[3] |= termios.NOFLSH  # or Ctrl-C would throw away what is written but not shown yet, and the lines with it
    termios.tcsetattr(sys.stdin, termios.TCSADRAIN, silent)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
