import dataclasses

import numpy as np
import pytest
import torch

from runtime.errors import CorruptFileError, TrainingDivergedError
from runtime.training import trainer
from runtime.training.checkpoint import CHECKPOINT_NAME
from runtime.training.lora import TrainableLora
from runtime.training.lora_settings import LoraSettings
from runtime.training.settings import TrainingSettings
from runtime.training.trainer import mean_loss, train
from runtime.training.weights import load_frozen_decoder
from tests.helpers.tiny_model import write_tiny_model
from tests.helpers.training import one_row

SETTINGS = TrainingSettings(learning_rate=3e-3, num_epochs=5, batch_size=2)


@pytest.fixture
def decoder(tmp_path):
    return load_frozen_decoder(write_tiny_model(tmp_path / "tiny.gguf"), torch.float32)


@pytest.fixture
def rows(rng):
    return [one_row(rng, int(length)) for length in rng.integers(5, 40, 8)]


def new_lora(decoder, **settings):
    return TrainableLora(decoder, LoraSettings(**settings))


def bits(lora):
    return [tensor.detach().clone() for tensor in lora.tensors()]


def assert_same_bits(one, other):
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_training_lowers_the_loss_of_what_it_learns(decoder, rows):
    lora = new_lora(decoder)
    before = mean_loss(decoder, lora, rows)
    result = train(decoder, lora, rows, SETTINGS, eval_rows=rows)
    assert result.is_finished and result.num_steps == 20
    assert result.losses[0] == pytest.approx(before, abs=0.5)
    assert result.eval_losses[-1][1] < before - 0.2


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_two_runs_have_the_same_bits(decoder, rows, dropout):
    loras = [new_lora(decoder, dropout=dropout) for _ in range(2)]
    results = [train(decoder, lora, rows, SETTINGS) for lora in loras]
    assert results[0].losses == results[1].losses
    assert_same_bits(bits(loras[0]), bits(loras[1]))


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_twenty_steps_equal_ten_and_ten_to_the_bit(decoder, rows, tmp_path, dropout):
    whole = new_lora(decoder, dropout=dropout)
    expected = train(decoder, whole, rows, SETTINGS)
    first = train(decoder, new_lora(decoder, dropout=dropout), rows, SETTINGS, folder=tmp_path / "run", stop_after=10)
    assert (first.num_steps, first.is_finished) == (10, False)
    resumed = new_lora(decoder, dropout=dropout)
    second = train(decoder, resumed, rows, SETTINGS, folder=tmp_path / "run")
    assert second.losses == expected.losses
    assert_same_bits(bits(resumed), bits(whole))


def test_a_run_that_is_told_to_stop_ends_its_step_and_goes_on_later(decoder, rows, tmp_path):
    whole, resumed, told = new_lora(decoder), new_lora(decoder), []
    expected = train(decoder, whole, rows, SETTINGS)
    stop = {"folder": tmp_path, "should_stop": lambda: len(told) == 7, "on_progress": told.append}
    first = train(decoder, new_lora(decoder), rows, SETTINGS, **stop)
    assert (first.num_steps, first.is_finished) == (7, False)
    assert train(decoder, resumed, rows, SETTINGS, folder=tmp_path).losses == expected.losses
    assert_same_bits(bits(resumed), bits(whole))


def test_a_run_killed_before_its_checkpoint_tells_of_the_steps_again(decoder, rows, tmp_path):
    settings = dataclasses.replace(SETTINGS, save_every=4)
    told = []

    def tell(progress):
        told.append((progress.step, progress.loss, progress.num_tokens > 0))
        if len(told) == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(decoder, new_lora(decoder), rows, settings, folder=tmp_path, on_progress=tell)
    train(decoder, new_lora(decoder), rows, settings, folder=tmp_path, on_progress=tell)
    assert told[8:12] == told[4:8]  # the checkpoint of step 8 was not written when step 8 was told


def test_an_answer_that_is_not_known_among_those_that_are_is_no_divergence(decoder, rng):
    known = one_row(rng, 12)
    odd = dataclasses.replace(known, input_ids=np.append(known.input_ids[:-1], np.int32(7)))
    settings = TrainingSettings(learning_rate=2e-2, num_epochs=120, schedule="constant", warmup_share=0)
    lora = new_lora(decoder)
    train(decoder, lora, [known], settings)
    after = dataclasses.replace(settings, learning_rate=1e-6, num_epochs=2)
    result = train(decoder, lora, [known] * 9 + [odd], after)
    assert max(result.losses) > 3 * np.median(result.losses)
    assert result.num_returns == 0


def test_eight_batches_of_one_equal_one_of_eight(decoder, rows):
    loras, settings = [], TrainingSettings(learning_rate=1e-3, num_epochs=3, adam_eps=1e-3)
    for batch_size, accumulation in ((1, 8), (8, 1)):
        lora = new_lora(decoder)
        train(decoder, lora, rows, dataclasses.replace(settings, batch_size=batch_size, accumulation=accumulation))
        loras.append(lora)
    for one, other in zip(bits(loras[0]), bits(loras[1]), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


def test_only_the_last_layers_learn_and_the_rest_is_computed_once(decoder, rows, monkeypatch):
    whole = new_lora(decoder)
    part = new_lora(decoder, last_layers=1)
    assert {name.split(".")[1] for name in part.parameters} == {"1"}
    calls = []
    original = trainer.frozen_prefix
    monkeypatch.setattr(trainer, "frozen_prefix", lambda *args: calls.append(args) or original(*args))
    result = train(decoder, part, rows, SETTINGS)
    assert len(calls) == len(rows)  # in five epochs
    assert result.losses[0] == pytest.approx(train(decoder, whole, rows, SETTINGS).losses[0], rel=1e-6)
    assert result.losses[-1] < result.losses[0]


def test_a_learning_rate_that_diverges_ends_with_a_sentence_and_the_last_good_adapter(decoder, rows):
    lora = new_lora(decoder)
    wild = TrainingSettings(learning_rate=1e30, num_epochs=4, warmup_share=0, schedule="constant", max_grad_norm=1e9)
    with pytest.raises(TrainingDivergedError, match="lower learning rate"):
        train(decoder, lora, rows, wild)
    assert all(torch.isfinite(tensor).all() for tensor in lora.tensors())
    assert mean_loss(decoder, lora, rows) < 10


def test_a_model_that_went_dead_is_told_and_not_taken_for_one_that_learnt(decoder, rows):
    lora = new_lora(decoder)
    with pytest.raises(TrainingDivergedError, match="the gradient 0, after 3 returns"):
        train(decoder, lora, rows, dataclasses.replace(SETTINGS, learning_rate=1e4))
    every_token_alike = np.log(decoder.config.vocab_size)
    assert abs(mean_loss(decoder, lora, rows) - every_token_alike) > 0.1  # it is back at a state that was alive


def test_a_spike_returns_to_the_last_good_step_and_goes_on(decoder, rows):
    lora, seen = new_lora(decoder), []
    settings = TrainingSettings(learning_rate=1e-3, num_epochs=4, warmup_share=0, schedule="constant")

    def spoil(progress):
        seen.append(progress)
        if progress.step == 12:
            with torch.no_grad():
                lora.tensors()[1].fill_(torch.nan)

    result = train(decoder, lora, rows, settings, on_progress=spoil)
    returned = [progress.step for progress in seen if progress.has_returned]
    assert returned == [13] and result.num_returns == 1
    assert seen[-1].learning_rate == pytest.approx(5e-4)
    assert np.isfinite(seen[-1].loss)


def test_progress_counts_every_token_and_step(decoder, rows):
    seen = []
    result = train(decoder, new_lora(decoder), rows, SETTINGS, on_progress=seen.append)
    assert [progress.step for progress in seen] == list(range(1, 21))
    assert result.num_tokens == 5 * sum(len(row) for row in rows)
    assert seen[-1].seconds_left == 0 and seen[0].seconds_left > 0 and seen[-1].tokens_per_s > 0


def test_a_checkpoint_of_other_settings_is_refused(decoder, rows, tmp_path):
    train(decoder, new_lora(decoder), rows, SETTINGS, folder=tmp_path, stop_after=1)
    with pytest.raises(ValueError, match="other settings, data or model"):
        train(decoder, new_lora(decoder), rows, dataclasses.replace(SETTINGS, seed=1), folder=tmp_path)
    with pytest.raises(ValueError, match="other settings, data or model"):
        train(decoder, new_lora(decoder), rows[:7], SETTINGS, folder=tmp_path)


@pytest.mark.parametrize("keep", [0, 5, 200, -1])
def test_a_damaged_checkpoint_is_refused(decoder, rows, tmp_path, keep):
    train(decoder, new_lora(decoder), rows, SETTINGS, folder=tmp_path, stop_after=1)
    path = tmp_path / CHECKPOINT_NAME
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CorruptFileError):
        train(decoder, new_lora(decoder), rows, SETTINGS, folder=tmp_path)


def test_a_full_disk_leaves_the_last_checkpoint(decoder, rows, tmp_path, monkeypatch):
    train(decoder, new_lora(decoder), rows, SETTINGS, folder=tmp_path, stop_after=1)
    before = (tmp_path / CHECKPOINT_NAME).read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        train(decoder, new_lora(decoder), rows, SETTINGS, folder=tmp_path, stop_after=2)
    assert (tmp_path / CHECKPOINT_NAME).read_bytes() == before
    assert list(tmp_path.glob("*checkpoint*")) == [tmp_path / CHECKPOINT_NAME]


def test_nothing_to_learn_from_is_refused(decoder, rows):
    bare = dataclasses.replace(rows[0], is_supervised=np.zeros(len(rows[0]), bool))
    with pytest.raises(ValueError, match="No token of the training rows is supervised"):
        train(decoder, new_lora(decoder), [bare])
    with pytest.raises(ValueError, match="no training rows"):
        train(decoder, new_lora(decoder), [])
