"""Where figures come from: written beside every result, because speeds and even rankings differ between machines."""

import os
import platform
import shlex
from datetime import UTC, datetime
from pathlib import Path


def provenance(module: str, *arguments: str) -> dict[str, str]:
    """How to get the figures again, `python -m <module> <arguments>`, the day, and the machine."""
    return {
        "command": shlex.join(["python", "-m", module, *arguments]),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "python": platform.python_version(),
    }


def machine() -> str:
    """Processor, cores that may be used, system."""
    return f"{_processor()}, {len(os.sched_getaffinity(0))} cores, {platform.system()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
