"""`appkit doctor` says what is there, and ends with what is wrong."""

import json
from pathlib import Path

import pytest

import appkit as package
from appkit.cli import doctor, name_clashes
from tests.appkit.cli.command import appkit
from tests.helpers.tiny_model import write_tiny_model


def test_a_healthy_machine_gets_status_zero_and_says_what_runs(tmp_path: Path) -> None:
    done = appkit("doctor", home=tmp_path)
    assert done.returncode == 0, done.stdout
    for row in ("Python", "Processor", "CPUs", "Memory", "Data", "Kernels", "Packages", "[torch]"):
        assert f"\n{row} " in f"\n{done.stdout}"
    assert done.stdout.endswith("Everything needed is here.\n")


def test_json_holds_the_same_facts(tmp_path: Path) -> None:
    report = json.loads(appkit("doctor", "--json", home=tmp_path).stdout)
    assert set(report) == {"python", "system", "machine", "packages", "extras", "data", "kernels", "problems"}
    assert report["data"]["folder"] == str(tmp_path)
    assert report["kernels"]["threads"] >= 1
    assert report["problems"] == []


def test_a_model_is_loaded_and_described(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "tiny.gguf")
    report = json.loads(appkit("doctor", "--json", "-m", str(path), home=tmp_path).stdout)
    assert report["model"]["architecture"] == "llama"


def test_a_model_that_does_not_load_is_a_problem_with_status_one(tmp_path: Path) -> None:
    done = appkit("doctor", "-m", "no-such-model", home=tmp_path)
    assert done.returncode == 1
    assert "no-such-model" in done.stdout.partition("Problems:")[2]
    assert "fix: " in done.stdout


def test_a_foreign_runtime_is_the_first_problem_and_ends_the_visit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "foreign_runtime", lambda: "/elsewhere/runtime/__init__.py")
    report = doctor.examine("some-model")
    assert "/elsewhere/runtime/__init__.py" in report["problems"][0]["what"]
    assert "kernels" not in report


def test_little_disk_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appkit.cli.machine.free_disk_bytes", lambda folder: 5_000_000)
    assert any("Only 5 MB are free" in problem["what"] for problem in doctor.examine()["problems"])


def test_a_missing_package_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_PACKAGES", ("no-such-package",))
    assert {"what": "no-such-package is not installed.", "fix": "pip install --force-reinstall appkit-llm"} in (
        doctor.examine()["problems"]
    )


def test_appkit_in_other_letters_is_a_problem_only_where_the_disk_takes_both_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "AppKit").mkdir()
    assert name_clashes.find_name_clashes([str(tmp_path)]) == []
    monkeypatch.setattr(name_clashes, "ignores_case", lambda path: True)
    [problem] = name_clashes.find_name_clashes([str(tmp_path), "/no/such/folder"])
    assert str(tmp_path) in problem.what
    assert "AppKit" in problem.what


def test_this_disk_tells_letters_apart_or_does_not(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert name_clashes.ignores_case(tmp_path / "a") == (tmp_path / "A").exists()
