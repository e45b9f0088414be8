"""Direct preference optimisation against a plain one over transformers and PEFT, and what training relies on."""

import dataclasses
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from runtime.adapters.read import read_peft
from runtime.loaders.load import load_model
from runtime.loaders.model_text import load_model_text
from runtime.training.data.model_encoding import model_encoding
from runtime.training.data.packing import Packed, pack_pairs
from runtime.training.data.prepare import DataSettings, prepare_data
from runtime.training.dpo import DirectPreference
from runtime.training.forward import join, token_losses
from runtime.training.lora import TrainableLora
from runtime.training.lora_settings import LoraSettings
from runtime.training.settings import TrainingSettings
from runtime.training.trainer import mean_loss, train
from runtime.training.weights import load_frozen_decoder
from tests.helpers.real_models import real_model
from tests.helpers.tiny_model import write_tiny_model
from tests.helpers.training import one_row, random_adapter_
from tests.helpers.training_data import write_lines

BETA, SMOOTHING = 0.3, 0.1


@pytest.fixture
def decoder(tmp_path):
    return load_frozen_decoder(write_tiny_model(tmp_path / "tiny.gguf"), torch.float32)


def row_of_pairs(rng: np.random.Generator, *lengths: tuple[int, int]) -> Packed:
    """Pairs of random answers of these lengths; what leads up to them is the first half of the shorter one."""
    row = one_row(rng, *(length for pair in lengths for length in pair))
    is_supervised = row.is_supervised.copy()
    for pair, starts in zip(lengths, row.cu_seqlens[:-1].reshape(-1, 2), strict=True):
        prompt = row.input_ids[starts[0] : starts[0] + min(pair) // 2].copy()
        for start in starts:
            row.input_ids[start : start + len(prompt)] = prompt
            is_supervised[start : start + len(prompt)] = False
    return dataclasses.replace(row, is_supervised=is_supervised)


@pytest.fixture
def rows(rng):
    return [row_of_pairs(rng, (8, 14), (20, 6)), row_of_pairs(rng, (9, 9)), row_of_pairs(rng, (5, 30), (12, 7), (4, 4))]


def plain_logprobs(model, row: Packed) -> torch.Tensor:
    """[2P] one sequence at a time, from whole logits."""
    found = []
    for start, end in zip(row.cu_seqlens[:-1], row.cu_seqlens[1:], strict=True):
        ids = torch.from_numpy(row.input_ids[start:end].astype(np.int64))
        logprobs = model(ids[None]).logits[0, :-1].float().log_softmax(-1).gather(1, ids[1:, None]).squeeze(1)
        found.append((logprobs * torch.from_numpy(row.is_supervised[start + 1 : end])).sum())
    return torch.stack(found)


def plain_loss(policy: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """The "sigmoid" loss of TRL's DPO trainer, label smoothing included, summed."""
    logits = (policy[0::2] - policy[1::2]) - (reference[0::2] - reference[1::2])
    losses = -F.logsigmoid(BETA * logits) * (1 - SMOOTHING) - F.logsigmoid(-BETA * logits) * SMOOTHING
    return losses.sum()


def test_loss_rewards_and_gradients_equal_those_of_a_plain_implementation_over_peft(tmp_path, rng):
    pytest.importorskip("peft")
    from tests.helpers.peft_adapters import save_random_adapter

    path = write_tiny_model(tmp_path / "tiny.gguf", "qwen2")
    peft_model = save_random_adapter(path, tmp_path / "adapter")
    row = row_of_pairs(rng, (8, 14), (20, 6), (9, 9))
    policy = plain_logprobs(peft_model, row)
    with torch.no_grad(), peft_model.disable_adapter():
        reference = plain_logprobs(peft_model, row)
    expected = plain_loss(policy, reference)
    expected.backward()

    decoder = load_frozen_decoder(path, torch.float32)
    lora = TrainableLora(decoder, LoraSettings(rank=4, alpha=6))
    lora.load_lora_weights_(read_peft(tmp_path / "adapter", load_model(path)))
    summed = DirectPreference(beta=BETA, label_smoothing=SMOOTHING).summed(decoder, lora, row)
    summed.loss.backward()
    assert summed.loss.item() == pytest.approx(expected.item(), rel=1e-5)
    margins = BETA * ((policy - reference)[0::2] - (policy - reference)[1::2])
    assert summed.metrics["reward_accuracy"] == (margins > 0).sum()
    assert summed.metrics["reward_margin"] == pytest.approx(margins.sum().item(), rel=1e-4, abs=1e-5)
    theirs = {name: parameter.grad for name, parameter in peft_model.named_parameters() if "lora" in name}
    for ours, name in (
        ("blk.0.attn_q", "layers.0.self_attn.q_proj"),
        ("blk.1.ffn_down", "layers.1.mlp.down_proj"),
    ):
        for parameter, letter in zip(lora.parameters[ours], "AB", strict=True):
            (gradient,) = (value for key, value in theirs.items() if f"{name}.lora_{letter}." in key)
            torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=1e-5)


def test_gradients_equal_finite_differences_of_the_loss(decoder, rows, rng):
    lora = TrainableLora(decoder, LoraSettings(rank=3))
    random_adapter_(lora, rng)
    objective = DirectPreference(beta=BETA, label_smoothing=SMOOTHING)
    objective.summed(decoder, lora, rows[2]).loss.backward()
    directions = [torch.from_numpy(rng.standard_normal(t.shape, np.float32)) for t in lora.tensors()]
    slope = sum((t.grad * d).sum().item() for t, d in zip(lora.tensors(), directions, strict=True))
    ends = []
    for step in (3e-4, -6e-4):
        with torch.no_grad():
            for tensor, direction in zip(lora.tensors(), directions, strict=True):
                tensor.add_(direction, alpha=step)
            ends.append(objective.summed(decoder, lora, rows[2]).loss.item())
    assert (ends[0] - ends[1]) / 6e-4 == pytest.approx(slope, rel=1e-2, abs=0.05)


def test_the_loss_begins_at_log_two(decoder, rows):
    lora = TrainableLora(decoder, LoraSettings())
    assert mean_loss(decoder, lora, rows, DirectPreference()) == pytest.approx(math.log(2), abs=1e-5)


def test_pairs_packed_together_have_the_loss_and_gradients_they_have_alone(decoder, rows, rng):
    gradients, losses = [], []
    for packed in (rows, [join(rows)]):
        lora = TrainableLora(decoder, LoraSettings())
        random_adapter_(lora, np.random.default_rng(0))
        objective = DirectPreference()
        loss = sum(objective.summed(decoder, lora, row).loss for row in packed)
        loss.backward()
        losses.append(loss.item())
        gradients.append([tensor.grad for tensor in lora.tensors()])
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_three_batches_of_one_equal_one_of_three(decoder, rows):
    found = []
    for batch_size, accumulation in ((1, 3), (3, 1)):
        lora = TrainableLora(decoder, LoraSettings())
        settings = TrainingSettings(
            learning_rate=1e-3, num_epochs=3, adam_eps=1e-3, batch_size=batch_size, accumulation=accumulation
        )
        train(decoder, lora, rows, settings, objective=DirectPreference())
        found.append([tensor.detach() for tensor in lora.tensors()])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


@pytest.mark.parametrize("last_layers", [None, 1])
def test_twelve_steps_equal_five_and_seven_to_the_bit(decoder, rows, tmp_path, last_layers):
    settings = TrainingSettings(learning_rate=3e-3, num_epochs=6, batch_size=2)
    adapters, losses = [], []
    for stops in ((None,), (5, None)):
        for stop_after in stops:
            lora = TrainableLora(decoder, LoraSettings(dropout=0.1, last_layers=last_layers))
            folder = tmp_path / str(len(stops))
            result = train(
                decoder, lora, rows, settings, objective=DirectPreference(), folder=folder, stop_after=stop_after
            )
        adapters.append([tensor.detach() for tensor in lora.tensors()])
        losses.append(result.losses)
    assert len(losses[0]) == 12 and losses[0] == losses[1]
    assert all(torch.equal(one, other) for one, other in zip(*adapters, strict=True))


def test_training_widens_the_margin_and_tells_of_it(decoder, rows):
    seen = []
    lora = TrainableLora(decoder, LoraSettings())
    settings = TrainingSettings(learning_rate=3e-3, num_epochs=20, batch_size=3)
    train(decoder, lora, rows, settings, objective=DirectPreference(), eval_rows=rows, on_progress=seen.append)
    assert seen[0].metrics["reward_margin"] == pytest.approx(0, abs=1e-4)
    assert seen[-1].metrics["reward_accuracy"] == 1 and seen[-1].metrics["reward_margin"] > 1
    assert seen[-1].eval_metrics["reward_accuracy"] == 1 and seen[-1].eval_loss < 0.5


@pytest.mark.parametrize("last_layers", [None, 1])
def test_the_reference_reads_every_pair_once(decoder, rows, monkeypatch, last_layers):
    from runtime.training import dpo

    read = []

    def counted(decoder, adapter, packed, options=None, *, prefix=None):
        if not torch.is_grad_enabled():
            read.append(packed)
        return token_losses(decoder, adapter, packed, options, prefix=prefix)

    monkeypatch.setattr(dpo, "token_losses", counted)
    lora = TrainableLora(decoder, LoraSettings(last_layers=last_layers))
    train(decoder, lora, rows, TrainingSettings(num_epochs=4, batch_size=2), objective=DirectPreference())
    assert len(read) == 6


def test_one_pair_the_wrong_way_round_is_no_divergence(decoder, rows, rng):
    """Late in a run its loss is many times the median."""
    lora = TrainableLora(decoder, LoraSettings())
    settings = TrainingSettings(learning_rate=1e-2, num_epochs=30, warmup_share=0, schedule="constant")
    learnt = row_of_pairs(rng, (8, 14))
    result = train(decoder, lora, [learnt], settings, objective=DirectPreference(beta=0.5))
    assert result.losses[-1] < 0.1
    both = [learnt, *([learnt] * 8), rows[1]]
    result = train(decoder, lora, both, dataclasses.replace(settings, num_epochs=1), objective=DirectPreference())
    assert result.num_returns == 0


def test_rows_that_are_no_pairs_are_refused(decoder, rng):
    lora = TrainableLora(decoder, LoraSettings())
    with pytest.raises(ValueError, match="3 sequences, which are no pairs: pack pairs with pack_pairs"):
        train(decoder, lora, [one_row(rng, 5, 6, 7)], objective=DirectPreference())


@pytest.mark.parametrize(
    "settings",
    [{"beta": 0.0}, {"beta": math.inf}, {"beta": math.nan}, {"label_smoothing": 0.5}, {"label_smoothing": -1}],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match=f"{next(iter(settings))} is"):
        DirectPreference(**settings)


THINGS = ("rice", "pasta", "beans", "soup", "bread", "tea", "coffee", "eggs", "fish", "salad", "pancakes", "curry")
ROOMS = ["kitchen", "garage", "garden", "bathroom", "office", "cellar"]


def preference_line(question: str, thing: str) -> dict[str, str]:
    """Short and polite is better than long and vague."""
    chosen = f"Gladly! Begin small, take your time with the {thing}, and ask me anything."
    rejected = (
        f"There are many things one could say about the {thing}. Some people say one thing and others say another. It "
        "depends on a great number of factors, all of which would have to be considered in detail before anything "
        "definite could be stated about it."
    )
    return {"prompt": question.format(thing), "chosen": chosen, "rejected": rejected}


@pytest.mark.slow
def test_a_real_model_comes_to_prefer_answers_of_the_better_kind_to_questions_it_has_not_seen(tmp_path):
    path = real_model("smollm2-135m")
    model = load_model_text(path)
    template, encoding = model_encoding(model, max_len=128)
    found = []
    for name, question, things in (("train", "How do I cook {}?", THINGS), ("held out", "How do I tidy my {}?", ROOMS)):
        lines = write_lines(tmp_path / f"{name}.jsonl", *(preference_line(question, thing) for thing in things))
        prepared = prepare_data(lines, model.tokenizer, template, DataSettings(encoding=encoding))
        found.append(pack_pairs(prepared.train_pairs, 256))
    rows, eval_rows = found
    decoder, seen = load_frozen_decoder(path), []
    settings = TrainingSettings(num_epochs=2, batch_size=2)
    lora = TrainableLora(decoder, LoraSettings())
    train(decoder, lora, rows, settings, objective=DirectPreference(), eval_rows=eval_rows, on_progress=seen.append)
    assert seen[0].loss == pytest.approx(math.log(2), abs=0.02)
    assert seen[-1].eval_metrics["reward_accuracy"] > 0.9
    assert seen[-1].eval_metrics["reward_margin"] > 0.5
