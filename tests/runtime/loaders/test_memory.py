"""What counts as free memory, from files like those Linux shows."""

from pathlib import Path

import pytest

from runtime.loaders.memory import available_memory_bytes

MIB = 1 << 20


@pytest.fixture
def proc(tmp_path) -> Path:
    folder = tmp_path / "proc"
    folder.mkdir()
    (folder / "meminfo").write_text("MemTotal:  8192000 kB\nMemFree:  100 kB\nMemAvailable:  4096000 kB\n")
    return folder


@pytest.fixture
def cgroup(tmp_path) -> Path:
    folder = tmp_path / "cgroup"
    folder.mkdir()
    return folder


def test_without_a_limit_it_is_what_the_kernel_calls_available(proc, cgroup):
    assert available_memory_bytes(proc, cgroup) == 4096000 * 1024


def test_a_cgroup_of_version_2_limits_it_and_file_cache_counts_as_free(proc, cgroup):
    (cgroup / "memory.max").write_text(f"{1000 * MIB}\n")
    (cgroup / "memory.current").write_text(f"{700 * MIB}\n")
    (cgroup / "memory.stat").write_text(f"anon 1\ninactive_file {100 * MIB}\n")
    assert available_memory_bytes(proc, cgroup) == 400 * MIB


def test_a_cgroup_of_version_1_limits_it(proc, cgroup):
    (cgroup / "memory").mkdir()
    (cgroup / "memory/memory.limit_in_bytes").write_text(str(500 * MIB))
    (cgroup / "memory/memory.usage_in_bytes").write_text(str(450 * MIB))
    assert available_memory_bytes(proc, cgroup) == 50 * MIB


def test_a_cgroup_without_limit_changes_nothing(proc, cgroup):
    (cgroup / "memory.max").write_text("max\n")
    (cgroup / "memory.current").write_text("1\n")
    assert available_memory_bytes(proc, cgroup) == 4096000 * 1024


def test_without_proc_it_is_the_memory_of_the_machine(tmp_path, cgroup):
    assert available_memory_bytes(tmp_path / "absent", cgroup) > 64 * MIB


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"MemAvailable:\n", b"MemAvailable: x kB\n", b"\xff\xfe\x00", b"MemAvailable: -5 kB"]
)
def test_a_meminfo_of_rubbish_counts_as_none(tmp_path, proc, cgroup, content):
    (proc / "meminfo").write_bytes(content)
    assert available_memory_bytes(proc, cgroup) == available_memory_bytes(tmp_path / "absent", cgroup)


@pytest.mark.parametrize("content", [b"", b"many\n", b"\xff\xfe", b"-1\n", b"1e9\n", b"9" * 5000])
@pytest.mark.parametrize("name", ["memory.max", "memory.current"])
def test_a_limit_or_usage_of_rubbish_counts_as_no_limit(proc, cgroup, name, content):
    (cgroup / "memory.max").write_text(f"{100 * MIB}")
    (cgroup / "memory.current").write_text("0")
    (cgroup / name).write_bytes(content)
    assert available_memory_bytes(proc, cgroup) == 4096000 * 1024


@pytest.mark.parametrize(
    "content", [b"", b"\n\ninactive_file\n", b"inactive_file many\n", b"\xff\xfe", b"inactive_file -7"]
)
def test_statistics_of_rubbish_count_as_no_cache(proc, cgroup, content):
    (cgroup / "memory.max").write_text(f"{100 * MIB}")
    (cgroup / "memory.current").write_text(f"{60 * MIB}")
    (cgroup / "memory.stat").write_bytes(content)
    assert available_memory_bytes(proc, cgroup) == 40 * MIB


def test_more_cache_than_usage_does_not_lift_the_limit(proc, cgroup):
    (cgroup / "memory.max").write_text(f"{100 * MIB}")
    (cgroup / "memory.current").write_text(f"{60 * MIB}")
    (cgroup / "memory.stat").write_text(f"inactive_file {10_000 * MIB}\n")
    assert available_memory_bytes(proc, cgroup) == 100 * MIB


def test_folders_in_place_of_files_count_as_nothing(proc, cgroup):
    for name in ("memory.max", "memory.current", "memory.stat"):
        (cgroup / name).mkdir()
    assert available_memory_bytes(proc, cgroup) == 4096000 * 1024
