"""Where figures come from: written beside every result, because speeds and even rankings differ between machines."""

import os
import platform
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path


def provenance(module: str) -> dict[str, str | int]:
    """The command that was run, the day, and the machine, for a program started as `python -m <module>`."""
    return {
        "command": shlex.join(["python", "-m", module, *sys.argv[1:]]),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{_processor()}, {len(os.sched_getaffinity(0))} cores, {platform.system()}",
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
