"""An adapter used in the forward pass equals the same adapter merged into the weights."""

import numpy as np
import pytest

from runtime.errors import AdapterError
from runtime.kernels.registry import available_backends
from runtime.layers.lora import LoraMatrices, LoraWeights
from tests.helpers.decoding import load_decoder, logits_in_steps
from tests.helpers.tiny_model import DECODERS, tiny_tensors, write_tiny_model

BACKENDS = available_backends("quant_matmul")
RANK = 4
ADAPTED = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


def adapter_for(tensors: dict[str, np.ndarray], rng: np.random.Generator) -> LoraWeights:
    """Random matrices for every linear map of a model, large enough to change its logits."""
    modules = {}
    for name, weight in tensors.items():
        module = name.removesuffix(".weight")
        if module.rsplit(".", 1)[-1] in ADAPTED and weight.ndim == 2:
            a = rng.standard_normal((RANK, weight.shape[1]), np.float32) * 0.2
            b = rng.standard_normal((weight.shape[0], RANK), np.float32) * 0.2
            modules[module] = LoraMatrices(a.astype(np.float32), b.astype(np.float32), scale=0.5)
    return LoraWeights(modules)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("architecture", DECODERS)
def test_an_adapter_equals_merged_weights(architecture, backend, rng, tmp_path):
    tensors = tiny_tensors(architecture)
    adapter = adapter_for(tensors, rng)
    assert len(adapter.modules) == 2 * len(ADAPTED)
    merged = {
        f"{module}.weight": tensors[f"{module}.weight"] + matrices.scale * (matrices.b @ matrices.a)
        for module, matrices in adapter.modules.items()
    }
    plain = load_decoder(write_tiny_model(tmp_path / "plain.gguf", architecture), backend)
    merged_path = write_tiny_model(tmp_path / "merged.gguf", architecture, replaced=merged)
    ids = rng.integers(0, 288, 50)
    adapted = logits_in_steps(plain, ids, [49, 1], adapter=adapter)
    expected = logits_in_steps(load_decoder(merged_path, backend), ids, [49, 1])
    np.testing.assert_allclose(adapted, expected, rtol=0, atol=1e-4)
    assert np.abs(adapted - logits_in_steps(plain, ids, [50])).max() > 0.5


@pytest.mark.parametrize("backend", BACKENDS)
def test_without_an_adapter_nothing_lingers(backend, rng, tmp_path):
    decoder = load_decoder(write_tiny_model(tmp_path / "tiny.gguf"), backend)
    ids = rng.integers(0, 288, 20)
    before = logits_in_steps(decoder, ids, [20])
    logits_in_steps(decoder, ids, [20], adapter=adapter_for(tiny_tensors("llama"), rng))
    np.testing.assert_array_equal(logits_in_steps(decoder, ids, [20]), before)


@pytest.mark.parametrize(
    ("module", "shape", "complaint"),
    [
        ("blk.7.attn_q", (64, 64), "changes blk.7.attn_q, which this model does not have"),
        ("blk.0.attn_k", (64, 64), r"as a \(64, 64\) matrix; in this model it is \(32, 64\)"),
    ],
)
def test_an_adapter_of_another_model_is_refused(module, shape, complaint, tmp_path):
    decoder = load_decoder(write_tiny_model(tmp_path / "tiny.gguf"), BACKENDS[0])
    matrices = LoraMatrices(np.zeros((2, shape[1]), np.float32), np.zeros((shape[0], 2), np.float32), 1.0)
    with pytest.raises(AdapterError, match=complaint):
        logits_in_steps(decoder, [1, 2], [2], adapter=LoraWeights({module: matrices}))


@pytest.mark.parametrize(
    ("a", "b", "scale", "complaint"),
    [
        (np.zeros((2, 8), np.float32), np.zeros((4, 3), np.float32), 1.0, "ranks differ"),
        (np.zeros((0, 8), np.float32), np.zeros((4, 0), np.float32), 1.0, "ranks differ"),
        (np.zeros((2, 8)), np.zeros((4, 2), np.float32), 1.0, "a must be a float32 matrix, got float64"),
        (np.zeros((2, 8), np.float32), np.zeros(4, np.float32), 1.0, "b must be a float32 matrix"),
        (np.zeros((2, 8), np.float32), np.zeros((4, 2), np.float32), float("nan"), "scale must be a finite number"),
    ],
)
def test_matrices_that_do_not_fit_together_are_refused(a, b, scale, complaint):
    with pytest.raises(ValueError, match=complaint):
        LoraMatrices(a, b, scale)
