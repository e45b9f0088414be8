"""Homes for commands under test: empty but for the models that a test names."""

import os
import shutil
from pathlib import Path

from tests.helpers.real_models import real_model


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk
        shutil.copy2(source, target)


def give_model(name: str, home: Path) -> None:
    """Put the catalog model `name` into the store of `home`. The calling test is skipped where it cannot be had."""
    stored = real_model(name).parent
    shutil.copytree(stored, home / "models" / stored.name, copy_function=_link)
