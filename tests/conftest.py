"""Fixtures every test may use."""

import signal

import numpy as np
import pytest

# A shell may start what it puts in the background with Ctrl-C ignored, and all processes below inherit that;
# the tests that press Ctrl-C need it to be heard.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers that are the same on every run."""
    return np.random.default_rng(20240601)
