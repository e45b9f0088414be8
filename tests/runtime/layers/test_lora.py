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


def adapter_for(tensors: dict[str, np.ndarray], rng: np.random.Generator, has_magnitude: bool = False) -> LoraWeights:
    """Random matrices for every linear map of a model, large enough to change its logits."""
    modules = {}
    for name, weight in tensors.items():
        module = name.removesuffix(".weight")
        if module.rsplit(".", 1)[-1] in ADAPTED and weight.ndim == 2:
            a = rng.standard_normal((RANK, weight.shape[1]), np.float32) * 0.2
            b = rng.standard_normal((weight.shape[0], RANK), np.float32) * 0.2
            magnitude = rng.uniform(0.5, 2, weight.shape[0]).astype(np.float32) if has_magnitude else None
            modules[module] = LoraMatrices(a.astype(np.float32), b.astype(np.float32), 0.5, magnitude)
    return LoraWeights(modules)


def merged_by_hand(weight: np.ndarray, matrices: LoraMatrices) -> np.ndarray:
    """The formulas of the papers, in float64."""
    merged = weight.astype(np.float64) + matrices.scale * (matrices.b.astype(np.float64) @ matrices.a)
    if matrices.magnitude is not None:
        merged *= (matrices.magnitude / np.sqrt((merged**2).sum(axis=1)))[:, None]
    return merged.astype(np.float32)


@pytest.mark.parametrize("has_magnitude", [False, True], ids=["lora", "dora"])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("architecture", DECODERS)
def test_an_adapter_equals_merged_weights(architecture, backend, has_magnitude, rng, tmp_path):
    tensors = tiny_tensors(architecture)
    adapter = adapter_for(tensors, rng, has_magnitude)
    assert len(adapter.modules) == 2 * len(ADAPTED)
    merged = {
        f"{module}.weight": merged_by_hand(tensors[f"{module}.weight"], matrices)
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
def test_dora_measures_the_rows_as_they_are_stored(backend, rng, tmp_path):
    """With b zero and the lengths of the dequantised rows, nothing changes; those of the float rows would."""
    decoder = load_decoder(write_tiny_model(tmp_path / "tiny.gguf", format="Q4_0"), backend)
    stored = decoder.backend.to_numpy(
        decoder.backend.embed(np.arange(64, dtype=np.int32), decoder.linears["blk.0.attn_q"])
    )
    matrices = LoraMatrices(
        np.ones((1, 64), np.float32), np.zeros((64, 1), np.float32), 1.0, np.linalg.norm(stored, axis=1)
    )
    ids = rng.integers(0, 288, 20)
    adapted = logits_in_steps(decoder, ids, [20], adapter=LoraWeights({"blk.0.attn_q": matrices}))
    np.testing.assert_allclose(adapted, logits_in_steps(decoder, ids, [20]), rtol=0, atol=1e-5)


@pytest.mark.parametrize("has_magnitude", [False, True], ids=["lora", "dora"])
def test_merging_follows_the_formulas(has_magnitude, rng):
    weight = rng.standard_normal((6, 5), np.float32)
    weight[2] = 0
    matrices = LoraMatrices(
        rng.standard_normal((2, 5), np.float32),
        rng.standard_normal((6, 2), np.float32),
        0.3,
        np.arange(1, 7, dtype=np.float32) if has_magnitude else None,
    )
    np.testing.assert_allclose(matrices.merged_into(weight), merged_by_hand(weight, matrices), rtol=1e-5)


def test_a_row_of_zeros_stays_one():
    matrices = LoraMatrices(np.ones((1, 2), np.float32), np.zeros((1, 1), np.float32), 1.0, np.ones(1, np.float32))
    np.testing.assert_array_equal(matrices.merged_into(np.zeros((1, 2), np.float32)), np.zeros((1, 2)))


def test_a_digest_is_of_what_an_adapter_does(rng):
    first, second = (LoraMatrices(randn(rng, 1, 3), randn(rng, 2, 1), 1.0) for _ in range(2))
    digest = LoraWeights({"x": first, "y": second}).digest
    assert LoraWeights({"y": second, "x": first}, name="other").digest == digest
    changed = [
        {"x": second, "y": first},
        {"x": first},
        {"x": first, "y": LoraMatrices(second.a, second.b, 2.0)},
        {"x": first, "y": LoraMatrices(second.a, second.b, 1.0, np.ones(2, np.float32))},
    ]
    assert digest not in [LoraWeights(modules).digest for modules in changed]


def randn(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape, np.float32)


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


def test_a_magnitude_is_a_float32_vector_of_the_rows():
    a, b = np.zeros((2, 8), np.float32), np.zeros((4, 2), np.float32)
    for magnitude in (np.ones(8, np.float32), np.ones((1, 4), np.float32), np.ones(4)):
        with pytest.raises(ValueError, match="magnitude must be a float32 vector of 4, one a row of b"):
            LoraMatrices(a, b, 1.0, magnitude)


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
