"""What the keyboard may do while an answer is being written."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ignoring_ctrl_c() -> Iterator[None]:
    """Someone who presses Ctrl-C again and again wants the answer to stop, not the chat to end."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
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
    if pressed:
        raise KeyboardInterrupt


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
    termios.tcsetattr(sys.stdin, termios.TCSADRAIN, silent)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
