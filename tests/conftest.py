"""Fixtures every test may use."""

import signal
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.model_home import give_model

# A shell may start what it puts in the background with Ctrl-C ignored, and all processes below inherit that;
# the tests that press Ctrl-C need it to be heard.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers that are the same on every run."""
    return np.random.default_rng(20240601)


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the models of the demonstration; who indexes its documents first does so for all."""
    home = tmp_path_factory.mktemp("demo_home")
    for name in ("e5-small-multilingual", "smollm2-135m"):
        give_model(name, home)
    return home
