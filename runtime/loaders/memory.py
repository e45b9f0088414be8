"""How much memory a new model may use: what the kernel calls available, less where a cgroup limits us."""

import os
from pathlib import Path

PROC = Path("/proc")
CGROUP = Path("/sys/fs/cgroup")


def available_memory_bytes(proc: Path = PROC, cgroup: Path = CGROUP) -> int | None:
    """Bytes that can be taken without swapping, or None where the system does not say."""
    limits = [limit for limit in (_system_bytes(proc), _cgroup_bytes(cgroup)) if limit is not None]
    return min(limits, default=None)


def _system_bytes(proc: Path) -> int | None:
    kibibytes = _read_labelled(proc / "meminfo", "MemAvailable:")
    return _physical_bytes() if kibibytes is None else kibibytes * 1024


def _physical_bytes() -> int | None:
    """All memory of the machine: the best that macOS tells without a library."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def _cgroup_bytes(cgroup: Path) -> int | None:
    """What is left of our own cgroup's limit (version 2, else version 1); page cache counts as free."""
    for limit_name, usage_name, cache_key in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
    ):
        limit, usage = _read_integer(cgroup / limit_name), _read_integer(cgroup / usage_name)
        if limit is not None and usage is not None:
            cached = _read_labelled((cgroup / limit_name).parent / "memory.stat", cache_key) or 0
            return max(0, limit - usage + min(cached, usage))
    return None


def _read_integer(path: Path) -> int | None:
    try:
        found = int(path.read_text())
    except (OSError, ValueError):  # absent, or "max", or no number at all
        return None
    return found if found >= 0 else None


def _read_labelled(path: Path, label: str) -> int | None:
    """The number after `label` at the start of a line; None where there is none."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, ValueError):
        return None
    for line in lines:
        words = line.split()
        if words[:1] == [label] and len(words) > 1 and words[1].isascii() and words[1].isdecimal():
            return int(words[1])
    return None
