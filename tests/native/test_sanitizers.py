"""The kernels under the compiler's sanitizers: memory, undefined behaviour, data races."""

import shutil
import subprocess
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parents[2] / "runtime" / "kernels" / "cpu" / "csrc"
PROGRAM = Path(__file__).with_name("formats_and_matmul.cpp")
# Unoptimised: the claim is about memory and races, not speed, and it halves the build.
FLAGS = ["-std=c++20", "-O0", "-g", "-Wall", "-Wextra", "-Wno-psabi", "-ffp-contract=off", "-pthread"]


@pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")
@pytest.mark.parametrize("sanitizers", ["address,undefined", "thread"])
def test_kernels_run_clean_under(sanitizers, tmp_path):
    sources = [str(path) for path in SOURCES.glob("*.cpp") if "nanobind" not in path.read_text("utf-8")]
    program = tmp_path / "formats_and_matmul"
    build = ["g++", *FLAGS, f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all", f"-I{SOURCES}"]
    subprocess.run([*build, str(PROGRAM), *sources, "-o", str(program)], check=True)
    result = subprocess.run([str(program)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
