"""Plans by hand-made figures, and the probe that gives them a time."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from runtime.training.compute_cost import full_flops, step_flops
from runtime.training.dpo import DirectPreference
from runtime.training.lora import TrainableLora
from runtime.training.lora_settings import LoraSettings
from runtime.training.memory_cost import MemoryOptions
from runtime.training.planner import Probe, plan_training
from runtime.training.probe import probe_training
from runtime.training.settings import TrainingSettings
from runtime.training.shapes import batch_shape, low_rank_shape, read_model_shape
from runtime.training.trainer import train
from runtime.training.weights import load_frozen_decoder
from tests.helpers.real_models import real_model
from tests.helpers.tiny_model import write_tiny_model
from tests.helpers.training import one_row

TIME = 0.25  # of a real run, on a machine that does the same work in both


@pytest.fixture
def path(tmp_path):
    return write_tiny_model(tmp_path / "tiny.gguf", format="Q8_0")


@pytest.fixture
def model(path):
    return read_model_shape(path)


@pytest.fixture
def deep_model(tmp_path):
    """With layers enough for their weights to count."""
    return read_model_shape(write_tiny_model(tmp_path / "deep.gguf", format="Q8_0", metadata={"llama.block_count": 12}))


@pytest.fixture
def rows(rng):
    return [one_row(rng, *(int(length) for length in rng.integers(20, 80, 4))) for _ in range(9)]


def planned(model, rows, lora=None, settings=None, **more):
    return plan_training(
        model, low_rank_shape(model, lora or LoraSettings()), rows, settings or TrainingSettings(), **more
    )


def test_steps_and_tokens_are_those_of_the_run(path, model, rows):
    settings = TrainingSettings(num_epochs=2, batch_size=2, accumulation=2, learning_rate=1e-4)
    found = planned(model, rows, settings=settings)
    decoder = load_frozen_decoder(path, torch.float32)
    result = train(decoder, TrainableLora(decoder, LoraSettings()), rows, settings)
    assert (found.num_steps, found.num_tokens) == (result.num_steps, result.num_tokens)
    assert found.largest_batch.num_tokens == sum(sorted(map(len, rows))[-2:])
    assert planned(model, rows, settings=dataclasses.replace(settings, max_steps=3)).num_steps == 3


def test_work_is_four_operations_an_element_of_a_frozen_matrix_and_six_of_a_trained_one(model, rng):
    batch = batch_shape([one_row(rng, 2)])  # too short for the attention to count
    matrices = 2 * model.layer_parameters * 2 + model.head_parameters * 1  # 2 layers, 2 tokens; 1 supervised
    none = dataclasses.replace(low_rank_shape(model, LoraSettings()), num_parameters=0)
    assert step_flops(model, none, batch, checkpoint_activations=False) == pytest.approx(4 * matrices, rel=0.05)
    assert full_flops(model, batch) == pytest.approx(6 * matrices, rel=0.05)
    adapter = low_rank_shape(model, LoraSettings())
    both = step_flops(model, adapter, batch, checkpoint_activations=False)
    assert both - step_flops(model, none, batch, checkpoint_activations=False) == 6 * adapter.num_parameters * 2


def test_layers_below_the_adapter_are_run_once_whatever_the_epochs(model, rows):
    late = LoraSettings(last_layers=1)
    one, five = (planned(model, rows, late, TrainingSettings(num_epochs=count)).flops for count in (1, 5))
    assert one < planned(model, rows).flops and five < 5 * one


def test_pairs_are_read_once_by_the_base_too(model, rng):
    pairs = [one_row(rng, 20, 30)]
    assert planned(model, pairs, is_preference=True).flops > planned(model, pairs).flops


def test_time_follows_the_work(model, rows):
    probe = Probe(rows=(0, 3), seconds=2.0, update_seconds=0.5)
    found = planned(model, rows, settings=TrainingSettings(num_epochs=4), probe=probe)
    tokens = len(rows[0]) + len(rows[3])
    assert found.seconds == pytest.approx(found.num_tokens / tokens * 2 + found.num_steps * 0.5, rel=0.1)
    assert found.tokens_per_s == pytest.approx(found.num_tokens / found.seconds)
    assert planned(model, rows).seconds is None


def test_what_does_not_fit_says_what_to_change_in_order(deep_model, rows):
    found = planned(deep_model, rows, available_bytes=1 << 20)
    assert not found.fits
    kinds = [change.kind for change in found.changes]
    assert kinds == ["batch_tokens", "checkpoint_activations", "keep_quantized", "last_layers", "rank"]
    with_earlier = [change.peak_bytes_with_earlier for change in found.changes]
    assert with_earlier == sorted(with_earlier, reverse=True) and with_earlier[0] < found.peak_bytes
    assert all(change.peak_bytes < found.peak_bytes for change in found.changes)
    halved, *_, rank = found.changes
    assert halved.value == found.largest_batch.num_tokens // 2 and rank.value == 4
    assert halved.num_longer == 0
    assert planned(deep_model, rows, available_bytes=found.peak_bytes).fits


def test_a_change_names_the_figure_that_a_plan_with_it_gives(deep_model, rows):
    changes = {change.kind: change for change in planned(deep_model, rows).changes}
    checkpointed = planned(deep_model, rows, settings=TrainingSettings(checkpoint_activations=True))
    assert changes["checkpoint_activations"].peak_bytes == checkpointed.peak_bytes
    quantized = planned(deep_model, rows, options=MemoryOptions(keep_quantized=True))
    assert changes["keep_quantized"].peak_bytes == quantized.peak_bytes
    last = planned(deep_model, rows, LoraSettings(last_layers=changes["last_layers"].value))
    assert changes["last_layers"].peak_bytes == pytest.approx(last.peak_bytes, rel=1e-3)
    assert changes["rank"].peak_bytes == planned(deep_model, rows, LoraSettings(rank=4)).peak_bytes


def test_changes_that_are_made_already_or_help_nothing_are_not_named(tmp_path, rng):
    model = read_model_shape(write_tiny_model(tmp_path / "wide.gguf", format="F32"))
    settings = TrainingSettings(checkpoint_activations=True)
    changes = planned(model, [one_row(rng, 30)], LoraSettings(rank=1, last_layers=1), settings).changes
    assert not changes  # a short row; layers that take more as stored than as values; the least rank


def test_long_sequences_that_a_smaller_batch_has_no_room_for_are_counted(model, rng):
    changes = planned(model, [one_row(rng, 300, 100)]).changes
    assert (changes[0].value, changes[0].num_longer) == (200, 1)


def test_no_rows_are_refused(model):
    with pytest.raises(ValueError, match="no training rows"):
        planned(model, [])
    with pytest.raises(ValueError, match="last_layers is 9; the model has 2"):
        planned(model, [], LoraSettings(last_layers=9))


@pytest.mark.parametrize("last_layers", [None, 1])
@pytest.mark.parametrize("objective", [None, DirectPreference()], ids=["next token", "pairs"])
def test_a_probe_leaves_the_adapter_as_it_was(path, rows, last_layers, objective):
    decoder = load_frozen_decoder(path, torch.float32)
    lora = TrainableLora(decoder, LoraSettings(last_layers=last_layers, dropout=0.1))
    before = [tensor.detach().clone() for tensor in lora.tensors()]
    found = probe_training(decoder, lora, rows, TrainingSettings(), objective, seconds=0.05)
    assert found.rows and len(set(found.rows)) == len(found.rows) <= len(rows)
    assert 0 < found.seconds < math.inf and found.update_seconds > 0
    assert all(torch.equal(one, other) for one, other in zip(before, lora.tensors(), strict=True))
    assert all(tensor.grad is None for tensor in lora.tensors())


def test_a_probe_of_nothing_to_learn_is_refused(path, rows):
    decoder = load_frozen_decoder(path, torch.float32)
    bare = dataclasses.replace(rows[0], is_supervised=np.zeros(len(rows[0]), bool))
    with pytest.raises(ValueError, match="nothing to learn from"):
        probe_training(decoder, TrainableLora(decoder, LoraSettings()), [bare], TrainingSettings())


@pytest.mark.slow
@pytest.mark.parametrize("last_layers", [None, 8])
def test_a_run_takes_about_as_long_as_was_planned(last_layers, rng):
    """The better of two, since other work on the machine may fall on the probe or on the run alone."""
    path = real_model("smollm2-135m")
    decoder, settings = load_frozen_decoder(path), LoraSettings(last_layers=last_layers)
    rows = [one_row(rng, *(int(length) for length in rng.integers(20, 100, 4))) for _ in range(10)]
    errors = []
    for _ in range(2):
        lora = TrainableLora(decoder, settings)
        probe = probe_training(decoder, lora, rows, TrainingSettings())
        found = planned(read_model_shape(path), rows, settings, probe=probe)
        errors.append(abs(found.seconds / train(decoder, lora, rows).seconds - 1))
    assert min(errors) < TIME
