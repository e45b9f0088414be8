"""Bottleneck adapters at inference: the formula of the paper, at the places the docstring says, on every backend."""

import dataclasses
import math

import numpy as np
import pytest

from runtime.errors import AdapterError
from runtime.kernels.registry import available_backends, get_backend
from runtime.layers.adapter import load_adapter
from runtime.layers.bottleneck import BottleneckMatrices, BottleneckWeights, apply_bottleneck, load_bottlenecks
from tests.helpers.bottlenecks import BOTH, random_bottleneck, random_matrices
from tests.helpers.decoding import NUM_THREADS, load_decoder, logits_in_steps
from tests.helpers.tiny_model import DECODERS, HIDDEN, write_tiny_model
from tests.helpers.tolerances import ACTIVATION, MATMUL, assert_close

BACKENDS = available_backends("quant_matmul")
NUM_TOKENS = 40
TINY_TOLERANCE = 1e-4  # absolute; logits reach about 5, and differences come from the order of float32 sums alone


def activated(x: np.ndarray, activation: str) -> np.ndarray:
    """In float64, by the formulas."""
    if activation == "silu":
        return x / (1 + np.exp(-x))
    if activation == "gelu":
        return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def by_hand(y: np.ndarray, matrices: BottleneckMatrices, activation: str) -> np.ndarray:
    wide = y.astype(np.float64)
    low = activated(wide @ matrices.down.T + matrices.down_bias, activation)
    return (wide + low @ matrices.up.T + matrices.up_bias).astype(np.float32)


@pytest.mark.parametrize("activation", ["silu", "gelu", "gelu_tanh"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_bottleneck_follows_the_formula(backend, activation, rng):
    kernels = get_backend(backend, NUM_THREADS)
    matrices = random_matrices(rng, 48, 7)
    loaded = load_bottlenecks(kernels, BottleneckWeights({(0, "attention"): matrices}, activation))
    y = rng.standard_normal((9, 48), np.float32)
    found = kernels.to_numpy(apply_bottleneck(kernels, loaded[0, "attention"], kernels.from_numpy(y)))
    assert_close(found, by_hand(y, matrices, activation), MATMUL + ACTIVATION)


@pytest.mark.parametrize("places", [BOTH, ("attention",), ("feed_forward",)], ids="+".join)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("architecture", DECODERS)
def test_it_stands_before_the_residual_and_after_the_norm_of_a_sublayer(architecture, backend, places, rng, tmp_path):
    """transformers with hooks on what each sublayer hands on is the oracle."""
    pytest.importorskip("transformers", reason="the oracle is transformers on torch: make test installs both")
    oracle = pytest.importorskip("tests.helpers.transformers_model")
    path = write_tiny_model(tmp_path / "tiny.gguf", architecture)
    adapter = random_bottleneck(rng, HIDDEN, places=places)
    ids = rng.integers(0, 288, NUM_TOKENS)
    decoder = load_decoder(path, backend)
    plain = logits_in_steps(decoder, ids, [NUM_TOKENS])
    adapted = logits_in_steps(decoder, ids, [30, 1, 9], adapter=adapter)
    theirs = oracle.transformers_decoder(path)
    hook_(theirs, adapter, is_gemma=architecture == "gemma3")
    np.testing.assert_allclose(adapted, oracle.logits_of(theirs, ids), rtol=0, atol=TINY_TOLERANCE)
    assert np.abs(adapted - plain).max() > 0.1
    np.testing.assert_array_equal(logits_in_steps(decoder, ids, [NUM_TOKENS]), plain)  # nothing lingers


def hook_(model, adapter: BottleneckWeights, *, is_gemma: bool) -> None:
    import torch

    def hook_of(matrices: BottleneckMatrices):
        def hook(module, inputs, output):
            y = output[0] if isinstance(output, tuple) else output
            changed = torch.from_numpy(by_hand(y.numpy(), matrices, adapter.activation))
            return (changed, *output[1:]) if isinstance(output, tuple) else changed

        return hook

    for (layer_idx, place), matrices in adapter.places.items():
        layer = model.model.layers[layer_idx]
        if is_gemma:
            after_attention, after_mlp = layer.post_attention_layernorm, layer.post_feedforward_layernorm
        else:
            after_attention, after_mlp = layer.self_attn, layer.mlp
        (after_attention if place == "attention" else after_mlp).register_forward_hook(hook_of(matrices))


@pytest.mark.parametrize("backend", BACKENDS)
def test_with_up_zero_nothing_changes(backend, rng, tmp_path):
    decoder = load_decoder(write_tiny_model(tmp_path / "tiny.gguf"), backend)
    adapter = random_bottleneck(rng, HIDDEN)
    silent = {
        where: dataclasses.replace(m, up=np.zeros_like(m.up), up_bias=np.zeros_like(m.up_bias))
        for where, m in adapter.places.items()
    }
    ids = rng.integers(0, 288, 20)
    adapted = logits_in_steps(decoder, ids, [20], adapter=BottleneckWeights(silent))
    np.testing.assert_allclose(adapted, logits_in_steps(decoder, ids, [20]), rtol=0, atol=1e-5)


def test_a_row_has_the_same_bits_whatever_its_step(rng, tmp_path):
    """On the `cpu` backend, as without an adapter."""
    decoder = load_decoder(write_tiny_model(tmp_path / "tiny.gguf"), "cpu")
    adapter = random_bottleneck(rng, HIDDEN)
    ids = rng.integers(0, 288, NUM_TOKENS)
    whole = logits_in_steps(decoder, ids, [NUM_TOKENS], adapter=adapter)
    np.testing.assert_array_equal(logits_in_steps(decoder, ids, [7, 1, 1, 31], adapter=adapter), whole)


def test_a_digest_is_of_what_an_adapter_does(rng):
    adapter = random_bottleneck(rng, 8, layers=(0,))
    first, second = adapter.places.values()
    same = BottleneckWeights(dict(reversed(adapter.places.items())), name="other")
    assert same.digest == adapter.digest
    changed = [
        dataclasses.replace(adapter, activation="silu"),
        BottleneckWeights({(0, "attention"): second, (0, "feed_forward"): first}),
        BottleneckWeights({(1, "attention"): first, (0, "feed_forward"): second}),
        BottleneckWeights({(0, "attention"): first}),
        *(
            BottleneckWeights({**adapter.places, (0, "attention"): dataclasses.replace(first, **{part: values})})
            for part, values in (("down_bias", first.down_bias + 1), ("up_bias", first.up_bias + 1))
        ),
    ]
    assert len({adapter.digest, *(other.digest for other in changed)}) == 7


@pytest.mark.parametrize(("layer_idx", "hidden_size"), [(2, HIDDEN), (0, HIDDEN - 1)])
def test_an_adapter_of_another_model_is_refused(layer_idx, hidden_size, rng, tmp_path):
    decoder = load_decoder(write_tiny_model(tmp_path / "tiny.gguf"), BACKENDS[0])
    adapter = random_bottleneck(rng, hidden_size, layers=(layer_idx,), name="theirs")
    complaint = f"'theirs' stands after the attention of layer {layer_idx} with {hidden_size} inputs; this model has 2"
    with pytest.raises(AdapterError, match=complaint):
        load_adapter(decoder.backend, adapter, decoder.config, decoder.linears)


@pytest.mark.parametrize(
    ("part", "array"),
    [
        ("down", np.zeros(8, np.float32)),
        ("down", np.zeros((0, 8), np.float32)),
        ("down_bias", np.zeros(8, np.float32)),
        ("up", np.zeros((3, 8), np.float32)),
        ("up_bias", np.zeros(3, np.float32)),
        ("up_bias", np.zeros(8, np.float64)),
    ],
    ids=["down no matrix", "down empty", "down_bias", "up turned", "up_bias", "float64"],
)
def test_parts_that_do_not_go_together_are_refused(part, array, rng):
    with pytest.raises(ValueError, match=f"A bottleneck's {part} must be"):
        dataclasses.replace(random_matrices(rng, 8, 3), **{part: array})


def test_an_activation_that_no_backend_has_is_refused():
    with pytest.raises(ValueError, match=r"no activation 'relu'; there are silu, gelu, gelu_tanh"):
        BottleneckWeights({}, "relu")
