"""The demonstration runs where nobody types, and ends."""

import subprocess
import sys
from pathlib import Path

from appkit.cli.demo import QUESTIONS
from tests.appkit.cli.command import environment


def run_demo(*args: str, home: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "appkit.cli.demo", *args]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment(home), timeout=60
    )


def test_every_question_is_shown_and_answered(tmp_path: Path) -> None:
    done = run_demo("scripted:one|two|three", home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    shown = done.stdout.splitlines()
    assert shown[1::2] == [f"> {question}" for question in QUESTIONS]
    assert shown[2::2] == ["one", "two", "three"]


def test_without_network_it_says_why_in_one_sentence(tmp_path: Path) -> None:
    done = run_demo(home=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: smollm2-135m is not on this machine")
    assert len(done.stderr.splitlines()) == 1
