"""`import appkit` is cheap, its names come when they are used, and a foreign `runtime` is refused by name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import appkit
from tests.helpers.shared_data import ROOT

HEAVY = ("torch", "transformers", "typer", "rich", "jinja2", "httpx", "prompt_toolkit", "numpy", "runtime")

# An editable install finds its packages before the path does, so its finder is taken out first.
FOREIGN_FIRST = """
import sys
sys.meta_path = [finder for finder in sys.meta_path if "Redirecting" not in type(finder).__name__]
sys.path[:0] = [{folder!r}, {house!r}]
import appkit
appkit.Chat
"""


def run_python(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **env})


def test_import_loads_nothing_heavy() -> None:
    done = run_python(f"import sys, appkit; print([name for name in {HEAVY} if name in sys.modules])")
    assert done.stdout.strip() == "[]", done.stderr


def test_import_takes_less_than_a_fifth_of_a_second() -> None:
    took = []
    for _ in range(5):  # the least of five: a busy machine must not fail it
        code = "import time; t = time.perf_counter(); import appkit; print(time.perf_counter() - t)"
        took.append(float(run_python(code).stdout))
    assert min(took) < 0.2


def test_all_is_sorted_and_every_name_is_there() -> None:
    assert list(appkit.__all__) == sorted(appkit.__all__)
    for name in appkit.__all__:
        assert getattr(appkit, name) is not None
    assert set(appkit.__all__) <= set(dir(appkit))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Chatt"):
        _ = appkit.Chatt  # type: ignore[attr-defined]


@pytest.mark.parametrize("form", ["runtime.py", "runtime/__init__.py", "runtime/thing.py"])
def test_a_foreign_runtime_is_refused_with_its_place(form: str, tmp_path: Path) -> None:
    place = tmp_path / form
    place.parent.mkdir(exist_ok=True)
    place.write_text("")
    done = run_python(FOREIGN_FIRST.format(folder=str(tmp_path), house=str(ROOT)))
    if form == "runtime/thing.py":  # a folder without __init__ loses against a real package
        assert done.returncode == 0, done.stderr
    else:
        assert done.stderr.splitlines()[-1].startswith("ImportError: appkit needs its own package `runtime`")
        assert str(place) in done.stderr.splitlines()[-1]
