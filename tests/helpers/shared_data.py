"""Finds the real data that tests read but the project does not carry."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def shared_data(name: str) -> Path:
    """Folder or file `name` of the shared data; the calling test is skipped where it is absent.

    Looked for in `$APPKIT_DATA`, else in `shared/data` beside the checkout.
    """
    base = Path(os.environ.get("APPKIT_DATA", ROOT.parent / "shared" / "data"))
    path = base / name
    if not path.exists():
        pytest.skip(f"test data {name!r} is not at {path}; set APPKIT_DATA to the folder that holds it")
    return path
