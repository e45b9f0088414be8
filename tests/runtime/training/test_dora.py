"""DoRA in training: the formula of the paper, its gradient with constant lengths, PEFT's losses and PEFT's files."""

import numpy as np
import pytest
import torch

from runtime.adapters.read import read_peft
from runtime.adapters.write import write_peft
from runtime.errors import AdapterError
from runtime.layers.lora import LoraWeights
from runtime.loaders.load import load_model
from runtime.training.dora import TrainableDora, updated_norms
from runtime.training.forward import ForwardOptions, frozen_prefix, summed_loss
from runtime.training.linear import frozen_linear
from runtime.training.lora import TrainableLora
from runtime.training.lora_settings import LoraSettings
from runtime.training.settings import TrainingSettings
from runtime.training.trainer import mean_loss, train
from runtime.training.weights import FrozenLinear, FrozenMatrix, load_frozen_decoder
from tests.helpers.decoding import logits_in_steps
from tests.helpers.tiny_model import DECODERS, write_tiny_model
from tests.helpers.training import one_row, random_adapter_

LENGTHS = (30, 17)


def drawn(decoder, rng, **settings) -> TrainableDora:
    """With random b and magnitudes."""
    dora = TrainableDora(decoder, LoraSettings(rank=3, **settings))
    random_adapter_(dora, rng)
    with torch.no_grad():
        for magnitude in dora.magnitudes.values():
            magnitude.mul_(torch.from_numpy(rng.uniform(0.5, 1.5, magnitude.shape).astype(np.float32)))
    return dora


@pytest.fixture
def decoder(tmp_path):
    return load_frozen_decoder(write_tiny_model(tmp_path / "tiny.gguf"), torch.float32)


@pytest.mark.parametrize("architecture", DECODERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_new_adapter_changes_no_bit(architecture, dtype, rng, tmp_path):
    decoder = load_frozen_decoder(write_tiny_model(tmp_path / "tiny.gguf", architecture), dtype)
    row = one_row(rng, *LENGTHS)
    dora = TrainableDora(decoder, LoraSettings())
    assert summed_loss(decoder, dora, row).item() == summed_loss(decoder, None, row).item()
    assert set(dora.magnitudes) == set(decoder.module_shapes())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_lengths_are_those_of_the_updated_rows(dtype, rng):
    weight, a, b = (torch.from_numpy(rng.standard_normal(s, np.float32)) for s in ((40, 64), (4, 64), (40, 4)))
    weight = weight.to(dtype)
    squares = weight.double().square().sum(1).float()
    found = updated_norms(weight, squares, 0.1 * a, b, 1.5)
    expected = (weight.double() + 1.5 * (b.double() @ (0.1 * a.double()))).norm(dim=1)
    tolerance = 1e-6 if dtype == torch.float32 else 3e-3
    torch.testing.assert_close(found.double(), expected, rtol=tolerance, atol=0)


@pytest.mark.parametrize("has_bias", [False, True], ids=["no bias", "bias"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_gradients_are_those_of_the_plain_formula_with_constant_lengths(has_bias, dtype, rng, decoder):
    """Of two maps that run as one product; the second alone is adapted."""

    def randn(*shape: int) -> torch.Tensor:
        return torch.from_numpy(rng.standard_normal(shape)).to(dtype)

    weight, bias, x, dy = randn(11, 8), randn(11) if has_bias else None, randn(6, 8), randn(6, 11)
    linear = FrozenLinear(
        names=("blk.0.attn_k", "blk.0.attn_v"), sizes=(4, 7), matrix=FrozenMatrix((11, 8), lambda: weight), bias=bias
    )
    dora = TrainableDora(decoder, LoraSettings(rank=2, modules=("attn_v",)))
    a, b = randn(2, 8).requires_grad_(), randn(7, 2).requires_grad_()
    magnitude = randn(7).abs().requires_grad_()
    dora.parameters["blk.0.attn_v"], dora.magnitudes["blk.0.attn_v"] = (a, b), magnitude
    dora._squares["blk.0.attn_v"] = weight[4:].square().sum(1)
    x.requires_grad_()
    y = dora.rescale(linear, frozen_linear(x, linear, dora.terms(linear)))
    leaves = (x, a, b, magnitude)
    found = torch.autograd.grad(y, leaves, dy)

    updated = weight[4:] + dora.settings.scale_of("attn_v") * (b @ a)
    factors = magnitude / updated.detach().norm(dim=1)
    expected_y = torch.cat((x @ weight[:4].T, (x @ updated.T) * factors), dim=1) + (bias if has_bias else 0)
    expected = torch.autograd.grad(expected_y, leaves, dy)
    tolerance = 2e-5 if dtype == torch.float32 else 1e-6  # parts of the norms are float32 in either
    torch.testing.assert_close(y, expected_y, rtol=tolerance, atol=tolerance)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("architecture", DECODERS)
def test_the_loss_is_that_of_inference(architecture, rng, tmp_path):
    path = write_tiny_model(tmp_path / "tiny.gguf", architecture)
    decoder, row = load_frozen_decoder(path, torch.float32), one_row(rng, 30)
    dora = drawn(decoder, rng, ranks={"attn_k": 2})
    with load_model(path, backend="reference", kv_dtype="f32") as model:
        write_peft(tmp_path / "adapter", dora.to_lora_weights(), model)
        logits = logits_in_steps(model.network, row.input_ids, [30], adapter=read_peft(tmp_path / "adapter", model))
    logprobs = torch.log_softmax(torch.from_numpy(logits), -1)
    expected = -logprobs[np.arange(29), row.input_ids[1:].astype(np.int64)].sum().item()
    assert summed_loss(decoder, dora, row).item() == pytest.approx(expected, rel=1e-5)
    plain = LoraWeights({m: type(x)(x.a, x.b, x.scale) for m, x in dora.to_lora_weights().modules.items()})
    assert plain.digest != dora.to_lora_weights().digest


def test_lengths_are_measured_once_a_step(decoder, rng):
    """They follow b when the trainer says that a step begins, and not before."""
    dora, row = drawn(decoder, rng), one_row(rng, 20)
    before = summed_loss(decoder, dora, row).item()
    norms = {name: norm.clone() for name, norm in dora._norms.items()}
    random_adapter_(dora, rng)
    summed_loss(decoder, dora, row)
    assert all(torch.equal(norms[name], norm) for name, norm in dora._norms.items())
    dora.begin_step()
    assert summed_loss(decoder, dora, row).item() != before
    assert not any(torch.equal(norms[name], norm) for name, norm in dora._norms.items())


def test_a_row_of_zeros_stays_one(rng, tmp_path):
    """A magnitude cannot stretch what has no direction; nothing divides by zero."""
    values = rng.standard_normal((32, 64), np.float32) / 8
    values[3] = 0
    path = write_tiny_model(tmp_path / "tiny.gguf", replaced={"blk.0.attn_v.weight": values})
    decoder, row = load_frozen_decoder(path, torch.float32), one_row(rng, 20)
    dora = TrainableDora(decoder, LoraSettings(modules=("attn_v",)))
    loss = summed_loss(decoder, dora, row)
    loss.backward()
    assert loss.item() == summed_loss(decoder, None, row).item()
    gradient = dora.magnitudes["blk.0.attn_v"].grad
    assert gradient is not None and gradient[3] == 0 and torch.isfinite(gradient).all() and gradient.any()


def test_checkpointed_activations_and_kept_prefixes_give_the_same(decoder, rng):
    row, dora = one_row(rng, *LENGTHS), drawn(decoder, rng, last_layers=1)
    assert set(dora.magnitudes) == {name for name in decoder.module_shapes() if name.startswith("blk.1.")}
    gradients = []
    for options, prefix in (
        (ForwardOptions(), None),
        (ForwardOptions(checkpoint_activations=True), None),
        (ForwardOptions(), frozen_prefix(decoder, dora, row)),
    ):
        gradients.append(torch.autograd.grad(summed_loss(decoder, dora, row, options, prefix=prefix), dora.tensors()))
    assert all(torch.equal(one, two) and torch.equal(one, three) for one, two, three in zip(*gradients, strict=True))


def test_quantised_weights_left_in_the_file_give_the_same_bits(rng, tmp_path):
    path = write_tiny_model(tmp_path / "tiny.gguf", format="Q8_0")
    row, losses = one_row(rng, *LENGTHS), []
    for is_kept in (False, True):
        decoder = load_frozen_decoder(path, torch.bfloat16, keep_quantized=is_kept)
        losses.append(mean_loss(decoder, drawn(decoder, np.random.default_rng(1)), [row]))
    assert losses[0] == losses[1]


@pytest.mark.parametrize("architecture", ["llama", "qwen2"])  # without and with biases
def test_bfloat16_is_close_to_float32(architecture, rng, tmp_path):
    path = write_tiny_model(tmp_path / "tiny.gguf", architecture)
    row, losses, gradients = one_row(rng, *LENGTHS), [], []
    for dtype in (torch.float32, torch.bfloat16):
        decoder = load_frozen_decoder(path, dtype)
        dora = drawn(decoder, np.random.default_rng(1))
        loss = summed_loss(decoder, dora, row)
        losses.append(loss.item())
        gradients.append(torch.cat(torch.autograd.grad(loss, list(dora.magnitudes.values()))))
    assert losses[1] == pytest.approx(losses[0], rel=1e-2)
    assert torch.cosine_similarity(*gradients, dim=0) > 0.99


def test_a_run_goes_on_bit_for_bit(decoder, rng, tmp_path):
    rows = [one_row(rng, 20), one_row(rng, 25)]
    settings = TrainingSettings(num_epochs=3, learning_rate=1e-2)
    whole, halves, again = (TrainableDora(decoder, LoraSettings()) for _ in range(3))
    train(decoder, whole, rows, settings)
    train(decoder, halves, rows, settings, folder=tmp_path / "run", stop_after=3)
    train(decoder, again, rows, settings, folder=tmp_path / "run")
    assert all(torch.equal(one, other) for one, other in zip(whole.tensors(), again.tensors(), strict=True))
    lora = TrainableLora(decoder, LoraSettings())
    assert lora.description() != whole.description()


def test_an_adapter_that_leaves_and_returns_is_the_same(decoder, rng):
    dora, other = drawn(decoder, rng), TrainableDora(decoder, LoraSettings(rank=3, seed=1))
    row = one_row(rng, 20)
    summed_loss(decoder, other, row)  # measures lengths, which must not stay
    other.load_lora_weights_(dora.to_lora_weights())
    assert all(torch.equal(one, two) for one, two in zip(dora.tensors(), other.tensors(), strict=True))
    assert summed_loss(decoder, other, row).item() == summed_loss(decoder, dora, row).item()
    plain = TrainableLora(decoder, LoraSettings(rank=3))
    with pytest.raises(AdapterError, match="has no magnitudes"):
        dora.load_lora_weights_(plain.to_lora_weights())
    with pytest.raises(AdapterError, match="plain LoRA"):
        plain.load_lora_weights_(dora.to_lora_weights())


@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
@pytest.mark.parametrize("patterns", [{}, {"k_proj": 2, "down_proj": 5}], ids=["one rank", "rank patterns"])
def test_steps_and_files_are_those_of_peft(architecture, patterns, rng, tmp_path, capfd):
    """The same start, five steps of AdamW: losses within 1e-4, and PEFT's logits of our file within 1e-5."""
    peft = pytest.importorskip("peft")
    oracle = pytest.importorskip("tests.helpers.transformers_model")
    from tests.helpers.peft_adapters import known_warnings, losses_of_peft, peft_logits

    path = write_tiny_model(tmp_path / "tiny.gguf", architecture)
    decoder, row = load_frozen_decoder(path, torch.float32), one_row(rng, 40)
    dora = TrainableDora(decoder, LoraSettings(rank=4, ranks=patterns))
    random_adapter_(dora, rng)  # a file without effect is refused
    settings = TrainingSettings(learning_rate=1e-2, schedule="constant", warmup_share=0.0, num_epochs=5, adam_eps=1e-6)
    with load_model(path, backend="reference", kv_dtype="f32") as model:
        write_peft(tmp_path / "start", dora.to_lora_weights(), model)
        with known_warnings():
            theirs = peft.PeftModel.from_pretrained(
                oracle.transformers_decoder(path), str(tmp_path / "start"), is_trainable=True
            )
        losses = train(decoder, dora, [row], settings).losses
        write_peft(tmp_path / "ours", dora.to_lora_weights(), model)
        ours = logits_in_steps(model.network, row.input_ids, [40], adapter=read_peft(tmp_path / "ours", model))
    expected = losses_of_peft(theirs, row.input_ids, settings)
    np.testing.assert_allclose(losses, expected, rtol=0, atol=1e-4)
    assert losses[-1] < losses[0] - 0.1
    np.testing.assert_allclose(peft_logits(path, tmp_path / "ours", row.input_ids), ours, rtol=0, atol=1e-5)
    np.testing.assert_allclose(oracle.logits_of(theirs.eval(), row.input_ids), ours, rtol=0, atol=1e-2)
    assert "missing" not in capfd.readouterr().err.lower()
