"""Prompt tuning and prefix tuning: what training computes is what inference does, and what PEFT does."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from runtime.adapters.read import read_peft
from runtime.adapters.write import write_peft
from runtime.engine.engine import Engine
from runtime.layers.virtual_tokens import VirtualTokens
from runtime.loaders.gguf import GGUFFile
from runtime.loaders.load import load_model
from runtime.loaders.safetensors import read_safetensors
from runtime.training.data.packing import Packed
from runtime.training.forward import ForwardOptions, join, summed_loss, token_losses
from runtime.training.prefix_tuning import TrainablePrefix
from runtime.training.prompt_tuning import TrainableSoftPrompt
from runtime.training.settings import TrainingSettings
from runtime.training.trainer import train
from runtime.training.virtual_token_settings import VirtualTokenSettings
from runtime.training.weights import FrozenDecoder, load_frozen_decoder
from tests.helpers.real_models import real_model
from tests.helpers.tiny_model import DECODERS, write_tiny_model
from tests.helpers.training import one_row
from tests.helpers.virtual_tokens import KINDS, logits_after_virtual_tokens

METHODS = {"prompt": TrainableSoftPrompt, "prefix": TrainablePrefix}
NUM_VIRTUAL = 5
START = (7, 42, 99)  # repeated to as many as there are virtual tokens
LENGTHS = (30, 17)  # past the windows of models that have some

Trainable = TrainableSoftPrompt | TrainablePrefix


@pytest.fixture(params=DECODERS)
def path(request, tmp_path):
    return write_tiny_model(tmp_path / "tiny.gguf", request.param)


@pytest.fixture(params=KINDS)
def kind(request) -> str:
    return request.param


def begun(decoder: FrozenDecoder, kind: str, **settings) -> Trainable:
    return METHODS[kind](decoder, VirtualTokenSettings(num_tokens=NUM_VIRTUAL, **settings))


def shaken(decoder: FrozenDecoder, kind: str, rng: np.random.Generator) -> Trainable:
    """One that is no text any more."""
    adapter = begun(decoder, kind)
    with torch.no_grad():
        for tensor in adapter.tensors():
            tensor.add_(torch.from_numpy(0.3 * rng.standard_normal(tensor.shape, np.float32)))
    return adapter


def weights_of(adapter: Trainable) -> VirtualTokens:
    return adapter.to_soft_prompt_weights() if isinstance(adapter, TrainableSoftPrompt) else adapter.to_prefix_weights()


def test_at_first_the_model_has_read_the_text_that_it_begins_with(path, kind, rng):
    row, decoder = one_row(rng, 20), load_frozen_decoder(path, torch.float32)
    text = np.resize(np.array(START, np.int32), NUM_VIRTUAL)
    after_text = Packed(
        input_ids=np.concatenate([text, row.input_ids]),
        is_supervised=np.concatenate([np.zeros(NUM_VIRTUAL, bool), row.is_supervised]),
        cu_seqlens=row.cu_seqlens + np.array([0, NUM_VIRTUAL], np.int32),
    )
    loss = summed_loss(decoder, begun(decoder, kind, start_ids=START), row).item()
    assert loss == pytest.approx(summed_loss(decoder, None, after_text).item(), rel=1e-6)
    assert loss != pytest.approx(summed_loss(decoder, None, row).item(), rel=1e-3)


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_the_engine_scores_what_training_computes(backend, path, kind, rng):
    row, decoder = one_row(rng, *LENGTHS), load_frozen_decoder(path, torch.float32)
    adapter = shaken(decoder, kind, rng)
    with load_model(path, backend=backend, kv_dtype="f32", num_threads=1) as model, Engine(model) as engine:
        parts = np.split(row.input_ids, row.cu_seqlens[1:-1])
        pairs = [(part[:1].tolist(), part[1:].tolist()) for part in parts]
        scores = engine.score_pairs(pairs, weights_of(adapter))
    expected = -sum(float(score.logprobs.sum(dtype=np.float64)) for score in scores)
    assert summed_loss(decoder, adapter, row).item() == pytest.approx(expected, rel=1e-5)


def test_on_smollm2_the_engine_scores_what_training_computes(kind, rng):
    """Quantised weights, activations of the backend's own; the base model alone is as far off."""
    with load_model(real_model("smollm2-135m"), num_threads=1, kv_dtype="f32") as model, Engine(model) as engine:
        decoder = load_frozen_decoder(model.path, torch.float32)
        start, text = (
            tuple(model.tokenizer.encode(words)) for words in ("Name the capital.", "France: Paris. Spain: Madrid.")
        )
        adapter = METHODS[kind](decoder, VirtualTokenSettings(start_ids=start))
        with torch.no_grad():
            for tensor in adapter.tensors():
                tensor.mul_(1 + torch.from_numpy(0.1 * rng.standard_normal(tensor.shape, np.float32)))
        expected = -engine.score(text[:1], text[1:], weights_of(adapter))
        bare = -engine.score(text[:1], text[1:])
    row = Packed(
        input_ids=np.array(text, np.int32),
        is_supervised=np.array([False] + [True] * (len(text) - 1)),
        cu_seqlens=np.array([0, len(text)], np.int32),
    )
    with torch.no_grad():
        np.testing.assert_allclose(token_losses(decoder, adapter, row).numpy(), expected, atol=1e-3)
    assert expected.mean() < bare.mean()


def test_gradients_equal_finite_differences_of_the_loss(path, kind, rng):
    row, decoder = one_row(rng, *LENGTHS), load_frozen_decoder(path, torch.float32)
    adapter = shaken(decoder, kind, rng)
    summed_loss(decoder, adapter, row).backward()
    directions = [torch.from_numpy(rng.standard_normal(t.shape, np.float32)) for t in adapter.tensors()]
    slope = sum((t.grad * d).sum().item() for t, d in zip(adapter.tensors(), directions, strict=True))
    ends = []
    for step in (3e-4, -3e-4):
        with torch.no_grad():
            for tensor, direction in zip(adapter.tensors(), directions, strict=True):
                tensor.add_(direction, alpha=step)
            ends.append(summed_loss(decoder, adapter, row).item())
            for tensor, direction in zip(adapter.tensors(), directions, strict=True):
                tensor.sub_(direction, alpha=step)
    assert (ends[0] - ends[1]) / 6e-4 == pytest.approx(slope, rel=1e-2, abs=0.5)


def test_sequences_packed_together_have_the_loss_and_gradients_they_have_alone(path, kind, rng):
    rows, decoder = [one_row(rng, length) for length in (30, 9, 9, 17)], load_frozen_decoder(path, torch.float32)
    adapter = shaken(decoder, kind, rng)
    alone = sum(summed_loss(decoder, adapter, row) for row in rows)
    alone.backward()
    gradients = [tensor.grad.clone() for tensor in adapter.tensors()]
    for tensor in adapter.tensors():
        tensor.grad = None
    together = summed_loss(decoder, adapter, join(rows))
    together.backward()
    assert together.item() == pytest.approx(alone.item(), rel=1e-6)
    for tensor, gradient in zip(adapter.tensors(), gradients, strict=True):
        torch.testing.assert_close(tensor.grad, gradient, rtol=1e-4, atol=1e-4)


def test_checkpointed_activations_give_the_same_bits(tmp_path, kind, rng):
    decoder = load_frozen_decoder(write_tiny_model(tmp_path / "tiny.gguf"), torch.float32)
    gradients = []
    for is_checkpointed in (False, True):
        adapter = begun(decoder, kind)
        options = ForwardOptions(checkpoint_activations=is_checkpointed)
        summed_loss(decoder, adapter, one_row(np.random.default_rng(1), *LENGTHS), options).backward()
        gradients.append([tensor.grad for tensor in adapter.tensors()])
    assert all(torch.equal(one, other) for one, other in zip(*gradients, strict=True))


def test_bfloat16_is_close_to_float32(tmp_path, kind, rng):
    path, row = write_tiny_model(tmp_path / "tiny.gguf"), one_row(rng, *LENGTHS)
    losses = []
    for dtype in (torch.float32, torch.bfloat16):
        decoder = load_frozen_decoder(path, dtype)
        losses.append(summed_loss(decoder, begun(decoder, kind, start_ids=START), row).item())
    assert losses[1] == pytest.approx(losses[0], rel=5e-3)


@pytest.mark.parametrize("architecture", DECODERS)
def test_steps_and_files_are_those_of_peft(architecture, kind, rng, tmp_path, capfd):
    """The same start, five steps of AdamW: losses within 1e-4, and PEFT's logits of our file within 1e-5."""
    pytest.importorskip("peft")
    from tests.helpers.peft_adapters import losses_of_peft, peft_logits, set_virtual_tokens_, virtual_token_model

    path = write_tiny_model(tmp_path / "tiny.gguf", architecture)
    decoder, row = load_frozen_decoder(path, torch.float32), one_row(rng, 40)
    adapter = begun(decoder, kind)
    settings = TrainingSettings(learning_rate=0.03, schedule="constant", warmup_share=0.0, num_epochs=5, adam_eps=1e-6)
    with load_model(path, backend="reference", kv_dtype="f32") as model:
        write_peft(tmp_path / "start", weights_of(adapter), model)
        theirs = virtual_token_model(path, kind, NUM_VIRTUAL)
        with read_safetensors(tmp_path / "start" / "adapter_model.safetensors") as file:
            set_virtual_tokens_(theirs, torch.from_numpy(np.array(file["prompt_embeddings"])))
        expected = losses_of_peft(theirs, row.input_ids, settings)
        losses = train(decoder, adapter, [row], settings).losses
        write_peft(tmp_path / "ours", weights_of(adapter), model)
        ours = logits_after_virtual_tokens(model.network, read_peft(tmp_path / "ours", model), row.input_ids)
    np.testing.assert_allclose(losses, expected, rtol=0, atol=1e-4)
    assert losses[-1] < losses[0] - 0.1
    their_logits = peft_logits(path, tmp_path / "ours", row.input_ids)[-len(row) :]
    np.testing.assert_allclose(their_logits, ours, rtol=0, atol=3e-5 if architecture == "gemma3" else 1e-5)
    assert "missing" not in capfd.readouterr().err.lower()


def test_a_run_that_is_resumed_ends_with_the_same_bits(tmp_path, kind, rng):
    decoder = load_frozen_decoder(write_tiny_model(tmp_path / "tiny.gguf"), torch.float32)
    rows, settings = [one_row(rng, *LENGTHS) for _ in range(4)], TrainingSettings(num_epochs=2)
    whole, resumed = begun(decoder, kind), begun(decoder, kind)
    train(decoder, whole, rows, settings)
    train(decoder, begun(decoder, kind), rows, settings, folder=tmp_path / "run", stop_after=3)
    train(decoder, resumed, rows, settings, folder=tmp_path / "run")
    assert all(torch.equal(one, other) for one, other in zip(whole.tensors(), resumed.tensors(), strict=True))


def test_without_a_text_the_start_is_drawn_by_the_seed(tmp_path, kind):
    decoder = load_frozen_decoder(write_tiny_model(tmp_path / "tiny.gguf"), torch.float32)
    first, again, other = (begun(decoder, kind, seed=seed).tensors()[0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_what_decides_the_parameters_is_in_the_description(tmp_path, kind):
    decoder = load_frozen_decoder(write_tiny_model(tmp_path / "tiny.gguf"), torch.float32)
    first = begun(decoder, kind).description()
    assert first != begun(decoder, kind, seed=1).description()
    assert first != begun(decoder, kind, start_ids=START).description()
    others = {METHODS[name](decoder, VirtualTokenSettings()).description() for name in KINDS}
    assert len(others) == 2


@pytest.mark.parametrize(("kind", "share"), [("prompt", 0.1), ("prefix", 0.02)])
def test_the_default_rate_goes_with_the_size_of_what_it_begins_with(kind, share, tmp_path):
    rates, sizes = [], []
    for factor in (1, 10):
        path = write_tiny_model(tmp_path / f"{factor}.gguf")
        with GGUFFile.open(path) as file:
            replaced = {name: factor * file.array(name) for name in file.tensors if "_v." in name or "embd" in name}
        decoder = load_frozen_decoder(write_tiny_model(path, replaced=replaced), torch.float32)
        adapter = begun(decoder, kind)
        rates.append(adapter.default_learning_rate(decoder.config))
        sizes.append(np.median([float(t.detach().square().mean().sqrt()) for t in adapter.tensors()]))
    assert rates == pytest.approx([share * size for size in sizes])
    assert rates[1] > 2 * rates[0]


def test_sequences_that_leave_no_room_for_virtual_tokens_are_refused(tmp_path, kind, rng):
    decoder = load_frozen_decoder(write_tiny_model(tmp_path / "tiny.gguf"), torch.float32)
    short, long = one_row(rng, 507), one_row(rng, 4, 508)
    with pytest.raises(ValueError, match="A sequence has 508 tokens and 5 virtual tokens stand in front of it"):
        train(decoder, begun(decoder, kind), [short], TrainingSettings(max_steps=1), eval_rows=[long])
    assert train(decoder, begun(decoder, kind), [short], TrainingSettings(max_steps=1)).is_finished


def test_numbers_and_ids_out_of_range_are_refused(tmp_path: Path, kind):
    decoder = load_frozen_decoder(write_tiny_model(tmp_path / "tiny.gguf"), torch.float32)
    with pytest.raises(ValueError, match="num_tokens is 0; it must be 1 or more"):
        VirtualTokenSettings(num_tokens=0)
    with pytest.raises(ValueError, match="a context of 512 must hold more than these"):
        METHODS[kind](decoder, VirtualTokenSettings(num_tokens=512))
    with pytest.raises(ValueError, match="start_ids holds 288; token ids of this model are 0 to 287"):
        METHODS[kind](decoder, replace(VirtualTokenSettings(), start_ids=(5, 288)))
