"""The machine is read from the system's files, whatever is in them."""

from pathlib import Path

import pytest

from appkit.cli.machine import free_disk_bytes, read_machine

CPUINFO = (
    "processor\t: 0\nmodel name\t: Fast One\nflags\t\t: fpu avx2 avx512_vnni\n\nprocessor\t: 1\nmodel name\t: Other\n"
)
MEMINFO = "MemTotal:       2048 kB\nMemFree:        1 kB\nMemAvailable:   1024 kB\n"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text(CPUINFO)
    (tmp_path / "proc/meminfo").write_text(MEMINFO)
    return tmp_path / "proc"


def write(folder: Path, **files: str) -> Path:
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def test_processor_and_memory_are_read(proc: Path, tmp_path: Path) -> None:
    machine = read_machine(proc, tmp_path / "none")
    assert (machine.processor, machine.instruction_sets) == ("Fast One", ("avx2", "avx512_vnni"))
    assert (machine.memory_bytes, machine.memory_available_bytes) == (2048 * 1024, 1024 * 1024)
    assert machine.cpu_quota is machine.memory_limit_bytes is None
    assert 1 <= machine.cpus_allowed <= machine.cpus


def test_version_two_cgroup_limits_are_read(proc: Path, tmp_path: Path) -> None:
    machine = read_machine(proc, write(tmp_path / "cg", cpu_dot_max="150000 100000\n", memory_dot_max="1048576\n"))
    assert (machine.cpu_quota, machine.memory_limit_bytes) == (1.5, 1 << 20)


def test_version_two_without_limits_says_max(proc: Path, tmp_path: Path) -> None:
    machine = read_machine(proc, write(tmp_path / "cg", cpu_dot_max="max 100000\n", memory_dot_max="max\n"))
    assert machine.cpu_quota is machine.memory_limit_bytes is None


@pytest.mark.parametrize(("quota", "expected"), [("200000", 2.0), ("-1", None)])
def test_version_one_quota_is_read(quota: str, expected: float | None, proc: Path, tmp_path: Path) -> None:
    folder = write(tmp_path / "cg", cpu__cpu_dot_cfs_quota_us=quota, cpu__cpu_dot_cfs_period_us="100000")
    assert read_machine(proc, folder).cpu_quota == expected


def test_a_system_that_tells_nothing_is_no_error(tmp_path: Path) -> None:
    assert read_machine(tmp_path, tmp_path).processor != ""


def test_free_space_is_asked_where_the_folder_will_be(tmp_path: Path) -> None:
    assert free_disk_bytes(tmp_path / "not" / "yet") > 0
