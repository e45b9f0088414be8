"""Bottleneck adapters in training: as inference runs them, with the gradients of the formula."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from runtime.adapters.read import read_peft
from runtime.adapters.write import write_peft
from runtime.engine.engine import Engine
from runtime.loaders.load import load_model
from runtime.training.bottleneck import TrainableBottleneck
from runtime.training.bottleneck_settings import BottleneckSettings
from runtime.training.forward import ForwardOptions, frozen_prefix, summed_loss
from runtime.training.settings import TrainingSettings
from runtime.training.trainer import mean_loss, train
from runtime.training.weights import load_frozen_decoder
from tests.helpers.tiny_model import DECODERS, HIDDEN, write_tiny_model
from tests.helpers.training import one_row

LENGTHS = (30, 17)


def drawn(decoder, rng, **settings) -> TrainableBottleneck:
    """With random values in every part."""
    adapter = TrainableBottleneck(decoder, BottleneckSettings(size=5, **settings))
    with torch.no_grad():
        for tensor in adapter.tensors():
            tensor.copy_(torch.from_numpy(0.2 * rng.standard_normal(tensor.shape, np.float32)))
    return adapter


@pytest.fixture
def decoder(tmp_path):
    return load_frozen_decoder(write_tiny_model(tmp_path / "tiny.gguf"), torch.float32)


def test_a_new_adapter_is_seeded_and_changes_nothing(decoder, rng):
    one, same, other = (TrainableBottleneck(decoder, BottleneckSettings(seed=seed)) for seed in (3, 3, 4))
    assert torch.equal(one.tensors()[0], same.tensors()[0])
    assert not torch.equal(one.tensors()[0], other.tensors()[0])
    assert one.num_parameters() == 2 * 2 * (2 * 32 * HIDDEN + 32 + HIDDEN)
    row = one_row(rng, *LENGTHS)
    assert summed_loss(decoder, one, row).item() == summed_loss(decoder, None, row).item()


@pytest.mark.parametrize("activation", ["silu", "gelu", "gelu_tanh"])
def test_gradients_are_those_of_the_formula(decoder, activation, rng):
    adapter = drawn(decoder, rng, activation=activation)
    x, dy = (torch.from_numpy(rng.standard_normal((7, HIDDEN), np.float32)) for _ in range(2))
    x.requires_grad_()
    y = adapter.bottleneck(1, "attention", x)
    parts = adapter.parameters[1, "attention"]
    leaves = (x, parts.down, parts.down_bias, parts.up, parts.up_bias)
    found = torch.autograd.grad(y, leaves, dy)
    wide = [leaf.detach().double().requires_grad_() for leaf in leaves]
    low = wide[0] @ wide[1].T + wide[2]
    hidden = F.silu(low) if activation == "silu" else F.gelu(low, approximate=("none", "tanh")[activation != "gelu"])
    expected = torch.autograd.grad(wide[0] + hidden @ wide[3].T + wide[4], wide, dy.double())
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("architecture", DECODERS)
def test_gradients_through_the_model_equal_finite_differences(architecture, rng, tmp_path):
    decoder = load_frozen_decoder(write_tiny_model(tmp_path / "tiny.gguf", architecture), torch.float32)
    adapter, row = drawn(decoder, rng), one_row(rng, *LENGTHS)
    summed_loss(decoder, adapter, row).backward()
    directions = [torch.from_numpy(rng.standard_normal(t.shape, np.float32)) for t in adapter.tensors()]
    slope = sum((t.grad * d).sum().item() for t, d in zip(adapter.tensors(), directions, strict=True))
    ends = []
    for step in (3e-4, -6e-4):
        with torch.no_grad():
            for tensor, direction in zip(adapter.tensors(), directions, strict=True):
                tensor.add_(direction, alpha=step)
            ends.append(summed_loss(decoder, adapter, row).item())
    assert (ends[0] - ends[1]) / 6e-4 == pytest.approx(slope, rel=1e-2, abs=0.5)


@pytest.mark.parametrize("backend", ["cpu", "reference"])
@pytest.mark.parametrize("architecture", ["llama", "qwen2", "gemma3"])
def test_a_trained_adapter_has_its_loss_in_the_engine(architecture, backend, rng, tmp_path):
    """Trained, written, read and scored: the mean of the trainer is that of the engine."""
    path = write_tiny_model(tmp_path / "tiny.gguf", architecture)
    decoder = load_frozen_decoder(path, torch.float32)
    adapter = TrainableBottleneck(decoder, BottleneckSettings(size=5))
    row = one_row(rng, *LENGTHS)
    before = mean_loss(decoder, adapter, [row])
    train(decoder, adapter, [row], TrainingSettings(max_steps=8, num_epochs=8, learning_rate=1e-2, schedule="constant"))
    after = mean_loss(decoder, adapter, [row])
    assert after < before - 0.1
    with load_model(path, backend=backend, kv_dtype="f32") as model:
        write_peft(tmp_path / "adapter", adapter.to_bottleneck_weights(), model)
        read = read_peft(tmp_path / "adapter", model)
        assert read.digest == adapter.to_bottleneck_weights().digest
        with Engine(model) as engine:
            pairs = [
                (row.input_ids[start : start + 1].tolist(), row.input_ids[start + 1 : end].tolist())
                for start, end in zip(row.cu_seqlens[:-1], row.cu_seqlens[1:], strict=True)
            ]
            scores = engine.score_pairs(pairs, read)
    logprobs = np.concatenate([score.logprobs for score in scores])
    assert -logprobs.mean() == pytest.approx(after, abs=1e-5)


def test_the_placement_of_pfeiffer_is_after_the_feed_forward_alone(decoder):
    adapter = TrainableBottleneck(decoder, BottleneckSettings(places=("feed_forward",)))
    assert set(adapter.parameters) == {(0, "feed_forward"), (1, "feed_forward")}


def test_layers_below_the_last_ones_run_once(decoder, rng):
    adapter, row = drawn(decoder, rng, last_layers=1), one_row(rng, *LENGTHS)
    assert {layer_idx for layer_idx, _ in adapter.parameters} == {1}
    prefix = frozen_prefix(decoder, adapter, row)
    kept = summed_loss(decoder, adapter, row, prefix=prefix).item()
    assert kept == summed_loss(decoder, adapter, row).item() != summed_loss(decoder, None, row).item()


def test_checkpointed_activations_give_the_same_bits(decoder, rng):
    row, gradients = one_row(rng, *LENGTHS), []
    adapter = drawn(decoder, rng)
    for is_checkpointed in (False, True):
        loss = summed_loss(decoder, adapter, row, ForwardOptions(checkpoint_activations=is_checkpointed))
        gradients.append(torch.autograd.grad(loss, adapter.tensors()))
    assert all(torch.equal(one, other) for one, other in zip(*gradients, strict=True))


def test_bfloat16_is_close_to_float32(rng, tmp_path):
    path = write_tiny_model(tmp_path / "tiny.gguf")
    row, losses = one_row(rng, *LENGTHS), []
    for dtype in (torch.float32, torch.bfloat16):
        decoder = load_frozen_decoder(path, dtype)
        losses.append(mean_loss(decoder, drawn(decoder, np.random.default_rng(1)), [row]))
    assert losses[1] == pytest.approx(losses[0], rel=1e-2)


def test_a_run_goes_on_bit_for_bit(decoder, rng, tmp_path):
    rows = [one_row(rng, 20), one_row(rng, 25)]
    settings = TrainingSettings(num_epochs=3, learning_rate=1e-2)
    whole, halves = (TrainableBottleneck(decoder, BottleneckSettings(size=3)) for _ in range(2))
    train(decoder, whole, rows, settings)
    train(decoder, halves, rows, settings, folder=tmp_path / "run", stop_after=3)
    again = TrainableBottleneck(decoder, BottleneckSettings(size=3))
    train(decoder, again, rows, settings, folder=tmp_path / "run")
    assert all(torch.equal(one, other) for one, other in zip(whole.tensors(), again.tensors(), strict=True))


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"size": 0}, "size is 0"),
        ({"places": ()}, "name one or both of attention, feed_forward"),
        ({"places": ("mlp",)}, "name one or both"),
        ({"activation": "relu"}, "activation is 'relu'; there are silu"),
        ({"last_layers": 0}, "last_layers is 0"),
    ],
)
def test_settings_out_of_range_are_refused(settings, complaint):
    with pytest.raises(ValueError, match=complaint):
        BottleneckSettings(**settings)


def test_more_layers_than_there_are_are_refused(decoder):
    with pytest.raises(ValueError, match="last_layers is 3; the model has 2"):
        TrainableBottleneck(decoder, BottleneckSettings(last_layers=3))
