"""Backends by name, and what is said when one is missing."""

import importlib.util

import pytest

from runtime.errors import KernelUnavailableError
from runtime.kernels import registry
from runtime.kernels.registry import available_backends, get_backend


@pytest.fixture
def no_torch(monkeypatch):
    def find_all_but_torch(name):
        return None if name == "torch" else importlib.util.find_spec(name)

    monkeypatch.setattr(registry, "find_spec", find_all_but_torch)


def test_get_backend_names_the_backends_there_are():
    with pytest.raises(ValueError, match="'cuda'; known are cpu, reference"):
        get_backend("cuda")


def test_get_backend_takes_a_thread_count():
    assert get_backend("cpu", 3).describe()["threads"] == 3


def test_get_backend_refuses_no_threads():
    with pytest.raises(ValueError, match="num_threads is 0"):
        get_backend("cpu", 0)


def test_reference_without_torch_names_the_extra(no_torch):
    with pytest.raises(KernelUnavailableError, match=r"appkit-llm\[torch\]") as caught:
        get_backend("reference")
    assert caught.value.backend == "reference"


def test_available_backends_leaves_out_what_is_not_installed(no_torch):
    assert available_backends("quant_matmul") == ["cpu"]


def test_available_backends_names_the_ops_there_are():
    with pytest.raises(ValueError, match=r"'conv2d'.*quant_matmul"):
        available_backends("conv2d")
