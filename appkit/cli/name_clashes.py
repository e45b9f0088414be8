"""Names this project shares with others: `runtime`, `prompts` and `eval` are common words, and macOS has an `AppKit`.

Python takes the first it finds, and on a disk that ignores case `import appkit` can find `AppKit`.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import appkit


@dataclass(frozen=True)
class Problem:
    """Something that will hurt, and what to do about it."""

    what: str
    fix: str


def find_name_clashes(search_path: Sequence[str] | None = None) -> list[Problem]:
    """Other packages that would be taken for ours, along `search_path` (by default `sys.path`)."""
    return [*_foreign_packages(), *_other_appkits(sys.path if search_path is None else search_path)]


def _foreign_packages() -> list[Problem]:
    problems = []
    if (found := appkit.foreign_runtime()) is not None:
        problems.append(
            Problem(
                f"Python finds another package called runtime first, at {found}; no model can be loaded.",
                "Rename that package, or take its folder off the path (PYTHONPATH, or the folder you start in).",
            )
        )
    house = Path(appkit.__file__).resolve().parents[1]
    for name, loss in (("eval", "appkit eval and appkit bench will not work"),):
        spec = find_spec(name)
        if spec is not None and spec.origin and not Path(spec.origin).resolve().is_relative_to(house / name):
            problems.append(
                Problem(
                    f"Python finds another package called {name} first, at {spec.origin}; {loss}.",
                    "Start appkit from another folder, or take that one off PYTHONPATH.",
                )
            )
    return problems


def _other_appkits(search_path: Sequence[str]) -> list[Problem]:
    """An `AppKit` (of pyobjc, say) on the path, where the disk takes the two names for one."""
    problems = []
    for folder in map(Path, search_path):
        try:
            names = [name for name in os.listdir(folder) if name.lower() == "appkit" and name != "appkit"]
        except OSError:
            continue
        problems += [
            Problem(
                f"The disk at {folder} ignores case and holds {name}, which Python may take for appkit.",
                "Install appkit-llm in a virtual environment of its own, without pyobjc.",
            )
            for name in names
            if ignores_case(folder / name)
        ]
    return problems


def ignores_case(path: Path) -> bool:
    """Whether the disk finds `path` under its name in other letters."""
    other = path.with_name(path.name.swapcase())
    return other.name != path.name and path.exists() and other.exists() and path.samefile(other)
