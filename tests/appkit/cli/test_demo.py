"""The demonstration runs where nobody types, quotes what is right, and ends."""

import subprocess
import sys
from pathlib import Path

from appkit.cli.demo import QUESTIONS
from tests.appkit.cli.command import environment
from tests.helpers.shared_data import ROOT

FACTS = ("every six months", "390 euros for the LQ-6", "整机保修期为五年")  # one for each question


def test_every_question_is_answered_with_the_right_quote() -> None:
    """As the README shows it; that the demonstration prints just this, tests/test_readme.py checks."""
    readme = (ROOT / "README.md").read_text("utf-8")
    answers = readme.split("<!-- demo -->")[1].split("```")[1].split("\n> ")[1:]
    assert [answer.splitlines()[0] for answer in answers] == list(QUESTIONS)
    for answer, fact in zip(answers, FACTS, strict=True):
        best_quote = answer.split("«")[1].split("»")[0]
        assert fact in answer.splitlines()[1]
        assert fact in best_quote


def test_without_network_it_says_why_in_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "appkit.cli.demo"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment(tmp_path),
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: e5-small-multilingual is not on this machine")
    assert len(done.stderr.splitlines()) == 1
