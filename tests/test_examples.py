"""Every example runs as it stands: with a scripted model always, with the default model where it is at hand."""

import re
import subprocess
import sys

import pytest

from tests.helpers.real_models import real_model
from tests.helpers.shared_data import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*.py"))
IDS = [path.name for path in EXAMPLES]


def run_example(name: str, model: str) -> str:
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / name, model], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("name", IDS)
def test_example_runs_with_a_scripted_model(name: str) -> None:
    assert "a scripted answer" in run_example(name, "scripted:a scripted answer")


@pytest.mark.slow
@pytest.mark.parametrize("name", IDS)
def test_example_runs_with_the_default_model(name: str) -> None:
    assert run_example(name, str(real_model("smollm2-135m"))).strip()


def test_the_first_example_reuses_what_it_computed() -> None:
    last = run_example("01_chat.py", "scripted:Paris|The Seine").splitlines()[-1]
    read, cached = map(int, re.findall(r"\d+", last))
    assert 0 < cached < read


def test_every_example_is_listed_in_the_readme() -> None:
    readme = (ROOT / "examples" / "README.md").read_text("utf-8")
    assert [name for name in IDS if name not in readme] == []
