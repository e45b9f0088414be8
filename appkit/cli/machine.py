"""What this machine is and how much of it the process may use, read from the system's own files."""

import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
CGROUP = Path("/sys/fs/cgroup")
_TELLING_FLAGS = (
    "avx",
    "avx2",
    "fma",
    "f16c",
    "avx512f",
    "avx512_vnni",
    "avx_vnni",
    "avx512_bf16",
    "amx_int8",
    "asimddp",
)


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Facts for `appkit doctor`; None where the system does not say."""

    processor: str
    instruction_sets: tuple[str, ...]  # those that matter here, as the kernel names them
    cpus: int  # of the machine
    cpus_allowed: int  # by this process's affinity
    cpu_quota: float | None  # CPUs' worth of time a cgroup grants
    memory_bytes: int | None
    memory_available_bytes: int | None
    memory_limit_bytes: int | None  # by a cgroup


def read_machine(proc: Path = PROC, cgroup: Path = CGROUP) -> Machine:
    """This machine, as `proc` and `cgroup` tell it."""
    cpuinfo = _read_table(proc / "cpuinfo")
    meminfo = _read_table(proc / "meminfo")
    flags = set((cpuinfo.get("flags") or cpuinfo.get("Features") or "").split())
    cpus = os.cpu_count() or 1
    return Machine(
        processor=cpuinfo.get("model name") or platform.processor() or platform.machine(),
        instruction_sets=tuple(flag for flag in _TELLING_FLAGS if flag in flags),
        cpus=cpus,
        cpus_allowed=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cpus,
        cpu_quota=_cpu_quota(cgroup),
        memory_bytes=_kib(meminfo.get("MemTotal")) or _physical_bytes(),
        memory_available_bytes=_kib(meminfo.get("MemAvailable")),
        memory_limit_bytes=_integer(cgroup / "memory.max") or _memory_limit_v1(cgroup),
    )


def free_disk_bytes(folder: Path) -> int:
    """Bytes free where `folder` is, or will be when it is made."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _read_table(path: Path) -> dict[str, str]:
    """`name : value` lines; of names that come again, as with one block a CPU, the first."""
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    table: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        table.setdefault(name.strip(), value.strip())
    return table


def _kib(value: str | None) -> int | None:
    return int(value.split()[0]) * 1024 if value else None


def _physical_bytes() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def _cpu_quota(cgroup: Path) -> float | None:
    """Quota over period: `cpu.max` of version 2, `cpu.cfs_*` of version 1."""
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        pass
    v1_quota, v1_period = _integer(cgroup / "cpu/cpu.cfs_quota_us"), _integer(cgroup / "cpu/cpu.cfs_period_us")
    return v1_quota / v1_period if v1_quota and v1_period and v1_quota > 0 else None


def _memory_limit_v1(cgroup: Path) -> int | None:
    limit = _integer(cgroup / "memory/memory.limit_in_bytes")
    return limit if limit is not None and limit < 1 << 60 else None  # version 1 says "none" with a huge number


def _integer(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # absent, or "max"
        return None
