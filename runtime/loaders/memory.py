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
    try:
        lines = (proc / "meminfo").read_text().splitlines()
    except OSError:
        return _physical_bytes()
    for line in lines:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return _physical_bytes()


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
            return max(0, limit - usage + _read_stat((cgroup / limit_name).parent / "memory.stat", cache_key))
    return None


def _read_integer(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # absent, or "max"
        return None


def _read_stat(path: Path, key: str) -> int:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.split()[0] == key), 0)
