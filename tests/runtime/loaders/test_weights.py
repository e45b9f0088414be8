"""Weights reach the backend as stored; what it cannot read is named."""

import numpy as np
import pytest

from runtime.errors import KernelUnavailableError, UnsupportedModelError
from runtime.kernels.registry import available_backends, get_backend
from runtime.loaders.gguf import GGUFFile
from runtime.loaders.weights import load_decoder_weights
from runtime.models.registry import build_config
from tests.helpers.tiny_model import tiny_tensors, write_tiny_model


@pytest.fixture(params=available_backends("load_weight"))
def backend(request):
    return get_backend(request.param, 1)


def weights_of(path, backend):
    with GGUFFile.open(path) as file:
        return load_decoder_weights(file, build_config(file.metadata, path), backend)


def test_matrices_keep_the_format_of_the_file(backend, tmp_path):
    weights = weights_of(write_tiny_model(tmp_path / "tiny.gguf", format="Q4_0"), backend)
    assert weights.embedding.format == weights.layers[1].feed_forward.down.weight.format == "Q4_0"
    assert weights.layers[0].attention.k.weight.shape == (32, 64)


def test_a_tied_head_is_the_embedding_itself(backend, tmp_path):
    tied = weights_of(write_tiny_model(tmp_path / "tied.gguf"), backend)
    own = weights_of(write_tiny_model(tmp_path / "own.gguf", tied_head=False), backend)
    assert tied.head is tied.embedding and own.head is not own.embedding


def test_norms_and_biases_are_those_of_the_file(backend, tmp_path):
    weights = weights_of(write_tiny_model(tmp_path / "tiny.gguf", "qwen2"), backend)
    expected = tiny_tensors("qwen2")
    layer = weights.layers[1]
    np.testing.assert_array_equal(backend.to_numpy(layer.attention.v.bias), expected["blk.1.attn_v.bias"])
    np.testing.assert_array_equal(backend.to_numpy(layer.feed_forward_norm.weight), expected["blk.1.ffn_norm.weight"])


def test_a_format_without_a_kernel_is_an_unsupported_model_that_names_the_tensor(backend, tmp_path, monkeypatch):
    def refuse(data: np.ndarray, format: str, shape: tuple[int, int]) -> None:
        raise KernelUnavailableError(f"no kernel for {format}", op="load_weight", backend=backend.name)

    monkeypatch.setattr(backend, "load_weight", refuse)
    with pytest.raises(UnsupportedModelError, match=r"token_embd\.weight cannot be used: no kernel for F32"):
        weights_of(write_tiny_model(tmp_path / "tiny.gguf"), backend)
