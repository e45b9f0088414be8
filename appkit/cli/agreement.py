"""A question to the person before something is lost."""

import sys


def agrees(question: str) -> bool:
    """Ask on standard error, so that standard output stays a program's. No answer is no."""
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes", "是", "好")
