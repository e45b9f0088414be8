"""How many threads this process should compute with."""

import os
from pathlib import Path

CGROUP_ROOT = Path("/sys/fs/cgroup")
PROCESS_CGROUPS = Path("/proc/self/cgroup")


def default_num_threads() -> int:
    """`APPKIT_THREADS` where it is set, else the processors this process may run on, within its cgroup's quota.

    Raises:
        ValueError: `APPKIT_THREADS` is not a whole number of 1 or more.
    """
    asked = os.environ.get("APPKIT_THREADS", "")
    if asked:
        if not asked.isascii() or not asked.isdigit() or int(asked) < 1:
            raise ValueError(f"APPKIT_THREADS is {asked!r}; it must be a whole number of 1 or more.")
        return int(asked)
    quota = cgroup_cpus(CGROUP_ROOT, PROCESS_CGROUPS)
    allowed = allowed_cpus()
    return allowed if quota is None else max(1, min(allowed, int(quota)))


def allowed_cpus() -> int:
    """Processors the scheduler may put this process on."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cgroup_cpus(root: Path, process_cgroups: Path) -> float | None:
    """Processors' worth of time the process's cgroup and the groups around it allow; None where there is no limit.

    Reads version 2 (`cpu.max`) and version 1 (`cpu.cfs_quota_us`). Inside a container the process's own group is
    mounted at the root, so the path that `process_cgroups` names may not exist: the root is always looked at.
    Source: Linux documentation, admin-guide/cgroup-v2 and scheduler/sched-bwc.
    """
    limits = [limit for folder in _group_folders(root, process_cgroups) for limit in _limits(folder)]
    return min(limits, default=None)


def _group_folders(root: Path, process_cgroups: Path) -> list[Path]:
    folders = [root, root / "cpu"]
    for line in _read(process_cgroups).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "cpu", "cpu,cpuacct"):
            continue
        group = (root if controllers == "" else root / "cpu") / path.lstrip("/")
        folders += [folder for folder in (group, *group.parents) if folder.is_relative_to(root)]
    return folders


def _limits(folder: Path) -> list[float]:
    quota, _, period = _read(folder / "cpu.max").strip().partition(" ")
    if not quota:
        quota, period = _read(folder / "cpu.cfs_quota_us").strip(), _read(folder / "cpu.cfs_period_us").strip()
    if not quota.isdigit() or not period.isdigit() or int(period) == 0:  # "max" and −1 mean no limit
        return []
    return [int(quota) / int(period)]


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
