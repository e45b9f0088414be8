"""What the README shows is what happens: the demonstration's transcript, and the Python examples."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.appkit.cli.command import environment
from tests.helpers.shared_data import ROOT

README = (ROOT / "README.md").read_text("utf-8")


def test_the_demonstration_prints_the_transcript(demo_home: Path) -> None:
    shown = re.search(r"<!-- demo -->\n```\n(.*?)```", README, re.DOTALL)
    assert shown is not None
    run = subprocess.run(
        [sys.executable, "-m", "appkit.cli.demo"],
        capture_output=True,
        text=True,
        timeout=300,
        stdin=subprocess.DEVNULL,
        env=environment(demo_home),
    )
    assert run.stdout == shown.group(1), run.stderr


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_a_python_example_runs(code: str, demo_home: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, cwd=ROOT, env=environment(demo_home)
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip()
