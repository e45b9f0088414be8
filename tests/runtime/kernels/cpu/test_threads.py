"""How many threads a process gets, from made-up cgroups and variables."""

import pytest

from runtime.kernels.cpu import threads
from runtime.kernels.cpu.threads import allowed_cpus, cgroup_cpus, default_num_threads


def test_the_variable_decides(monkeypatch):
    monkeypatch.setenv("APPKIT_THREADS", "7")
    assert default_num_threads() == 7


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", "²"])
def test_a_variable_that_is_no_count_is_refused(monkeypatch, value):
    monkeypatch.setenv("APPKIT_THREADS", value)
    with pytest.raises(ValueError, match=f"APPKIT_THREADS is '{value}'"):
        default_num_threads()


def test_the_quota_limits_the_processors(monkeypatch, tmp_path):
    monkeypatch.delenv("APPKIT_THREADS", raising=False)
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    monkeypatch.setattr(threads, "CGROUP_ROOT", tmp_path)
    assert default_num_threads() == 1  # half a processor still computes


def test_without_a_quota_all_allowed_processors_serve(monkeypatch, tmp_path):
    monkeypatch.delenv("APPKIT_THREADS", raising=False)
    (tmp_path / "cpu.max").write_text("max 100000\n")
    monkeypatch.setattr(threads, "CGROUP_ROOT", tmp_path)
    monkeypatch.setattr(threads, "PROCESS_CGROUPS", tmp_path / "missing")
    assert default_num_threads() == allowed_cpus()


def test_the_tightest_group_around_the_process_counts(tmp_path):
    (tmp_path / "outer" / "inner").mkdir(parents=True)
    (tmp_path / "outer" / "cpu.max").write_text("150000 100000")
    (tmp_path / "outer" / "inner" / "cpu.max").write_text("400000 100000")
    (tmp_path / "self").write_text("0::/outer/inner\n")
    assert cgroup_cpus(tmp_path, tmp_path / "self") == 1.5


def test_version_1_groups_are_read(tmp_path):
    (tmp_path / "cpu" / "job").mkdir(parents=True)
    (tmp_path / "cpu" / "job" / "cpu.cfs_quota_us").write_text("300000")
    (tmp_path / "cpu" / "job" / "cpu.cfs_period_us").write_text("100000")
    (tmp_path / "self").write_text("4:memory:/job\n3:cpu,cpuacct:/job\n")
    assert cgroup_cpus(tmp_path, tmp_path / "self") == 3


def test_no_limit_where_nothing_says_so(tmp_path):
    (tmp_path / "cpu.cfs_quota_us").write_text("-1")
    (tmp_path / "cpu.cfs_period_us").write_text("100000")
    assert cgroup_cpus(tmp_path, tmp_path / "missing") is None
