"""`run.json`: how a run was made, which may differ from run to run of the same and is not in `results.json`."""

import platform
import shlex
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from appkit import __version__
from eval.tasks.provenance import machine


def conditions_of(
    task: str, model: str, *, started: datetime, seconds: float, num_asked: int, num_kept: int
) -> dict[str, Any]:
    """As JSON.

    Args:
        num_asked: samples that were asked in `seconds`.
        num_kept: samples that were done before, in a run that was stopped or had a smaller limit.
    """
    return {
        "command": _command(task, model),
        "started": started.isoformat(timespec="seconds"),
        "seconds": round(seconds, 1),
        "samples_asked": num_asked,
        "samples_kept": num_kept,
        "machine": machine(),
        "python": platform.python_version(),
        "appkit": __version__,
    }


def _command(task: str, model: str) -> str:
    """The command line where `appkit` was called, else the call in Python."""
    program = Path(sys.argv[0] if sys.argv else "")
    if program.name == "appkit" or program.parts[-2:] == ("appkit", "__main__.py"):
        return shlex.join(["appkit", *sys.argv[1:]])
    return f"evaluate({task!r}, {model!r}, …)"
