import numpy as np
import pytest
import torch

from runtime.kernels.ops import PAGE_SIZE, PageTable
from runtime.layers.lora import LoraWeights
from runtime.loaders.load import load_model
from runtime.training import attention
from runtime.training.attention import AttentionShape, self_attention
from runtime.training.data.packing import Packed
from runtime.training.forward import ForwardOptions, join, summed_loss
from runtime.training.lora import TrainableLora
from runtime.training.lora_settings import LoraSettings
from runtime.training.weights import load_frozen_decoder
from tests.helpers.tiny_model import DECODERS, write_tiny_model
from tests.helpers.training import one_row, random_adapter_

LENGTHS = (30, 17)


@pytest.fixture(params=DECODERS)
def path(request, tmp_path):
    return write_tiny_model(tmp_path / "tiny.gguf", request.param)


@pytest.mark.parametrize("has_adapter", [False, True])
def test_the_loss_equals_that_of_the_decoder_on_the_reference_backend(path, has_adapter, rng):
    row = one_row(rng, *LENGTHS)
    decoder = load_frozen_decoder(path, torch.float32)
    lora = TrainableLora(decoder, LoraSettings(rank=3))
    if has_adapter:
        random_adapter_(lora, rng)
    expected = loss_of_inference(path, row, lora.to_lora_weights())
    assert summed_loss(decoder, lora, row).item() == pytest.approx(expected, rel=1e-5)


def test_gradients_equal_finite_differences_of_the_loss(path, rng):
    row = one_row(rng, *LENGTHS)
    decoder = load_frozen_decoder(path, torch.float32)
    lora = TrainableLora(decoder, LoraSettings(rank=3))
    random_adapter_(lora, rng)
    summed_loss(decoder, lora, row).backward()
    directions = [torch.from_numpy(rng.standard_normal(t.shape, np.float32)) for t in lora.tensors()]
    slope = sum((t.grad * d).sum().item() for t, d in zip(lora.tensors(), directions, strict=True))
    ends = []
    for step in (3e-4, -3e-4):
        with torch.no_grad():
            for tensor, direction in zip(lora.tensors(), directions, strict=True):
                tensor.add_(direction, alpha=step)
            ends.append(summed_loss(decoder, lora, row).item())
            for tensor, direction in zip(lora.tensors(), directions, strict=True):
                tensor.sub_(direction, alpha=step)
    assert (ends[0] - ends[1]) / 6e-4 == pytest.approx(slope, rel=1e-2, abs=0.5)


def test_sequences_packed_together_have_the_loss_and_gradients_they_have_alone(path, rng):
    rows = [one_row(rng, length) for length in (30, 9, 9, 17)]
    decoder = load_frozen_decoder(path, torch.float32)
    lora = TrainableLora(decoder, LoraSettings())
    random_adapter_(lora, rng)
    alone = sum(summed_loss(decoder, lora, row) for row in rows)
    alone.backward()
    gradients = [tensor.grad.clone() for tensor in lora.tensors()]
    for tensor in lora.tensors():
        tensor.grad = None
    together = summed_loss(decoder, lora, join(rows))
    together.backward()
    assert together.item() == pytest.approx(alone.item(), rel=1e-6)
    for tensor, gradient in zip(lora.tensors(), gradients, strict=True):
        torch.testing.assert_close(tensor.grad, gradient, rtol=1e-4, atol=1e-4)


def test_bfloat16_is_close_to_float32(path, rng):
    row = one_row(rng, *LENGTHS)
    losses = []
    for dtype in (torch.float32, torch.bfloat16):
        decoder = load_frozen_decoder(path, dtype)
        losses.append(summed_loss(decoder, None, row).item())
    assert losses[1] == pytest.approx(losses[0], rel=5e-3)


def test_checkpointed_activations_give_the_same_bits(path, rng):
    row = one_row(rng, *LENGTHS)
    decoder = load_frozen_decoder(path, torch.float32)
    gradients = []
    for is_checkpointed in (False, True):
        lora = TrainableLora(decoder, LoraSettings(dropout=0.3))
        options = ForwardOptions(dropout_seed=5, checkpoint_activations=is_checkpointed)
        summed_loss(decoder, lora, row, options).backward()
        gradients.append([tensor.grad for tensor in lora.tensors()])
    assert all(torch.equal(one, other) for one, other in zip(*gradients, strict=True))


@pytest.mark.parametrize("format", ["Q8_0", "Q4_0"])
def test_quantised_weights_left_in_the_file_give_the_same_bits(tmp_path, format, rng):
    path = write_tiny_model(tmp_path / "tiny.gguf", format=format)
    row = one_row(rng, *LENGTHS)
    losses = [
        summed_loss(load_frozen_decoder(path, torch.bfloat16, keep_quantized=keep), None, row).item()
        for keep in (False, True)
    ]
    assert losses[0] == losses[1]


def test_only_supervised_tokens_count(tmp_path, rng):
    path = write_tiny_model(tmp_path / "tiny.gguf")
    decoder = load_frozen_decoder(path, torch.float32)
    row = one_row(rng, 12)
    parts = []
    for chosen in (slice(1, 5), slice(5, 12)):
        is_supervised = np.zeros(12, bool)
        is_supervised[chosen] = True
        part = Packed(input_ids=row.input_ids, is_supervised=is_supervised, cu_seqlens=row.cu_seqlens)
        parts.append(summed_loss(decoder, None, part).item())
    assert sum(parts) == pytest.approx(summed_loss(decoder, None, row).item(), rel=1e-6)
    assert parts[0] != pytest.approx(parts[1])


def test_dropout_of_nearly_everything_leaves_nearly_the_bare_model(tmp_path, rng):
    decoder = load_frozen_decoder(write_tiny_model(tmp_path / "tiny.gguf"), torch.float32)
    lora = TrainableLora(decoder, LoraSettings(dropout=1 - 1e-9))
    random_adapter_(lora, rng)
    row = one_row(rng, 20)
    dropped = summed_loss(decoder, lora, row, ForwardOptions(dropout_seed=1)).item()
    assert dropped == pytest.approx(summed_loss(decoder, None, row).item())
    assert summed_loss(decoder, lora, row).item() != pytest.approx(dropped)


@pytest.mark.parametrize("window", [None, 9])
def test_the_gradient_of_long_sequences_is_that_of_short_ones(window, rng, monkeypatch):
    projected = torch.from_numpy(rng.standard_normal((40, 8 * 16), np.float32))
    shape = AttentionShape(
        num_heads=4,
        num_kv_heads=2,
        head_dim=16,
        scale=0.3,
        window=window,
        cu_seqlens=torch.tensor([0, 17, 40], dtype=torch.int32),
        angles=None,
    )
    gradients = []
    for longest in (1024, 1):
        monkeypatch.setattr(attention, "PLAIN_GRADIENT_LEN", longest)
        leaf = projected.clone().requires_grad_()
        self_attention(leaf, shape).square().sum().backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-5)


def loss_of_inference(path, row: Packed, adapter: LoraWeights) -> float:
    """The same sum from `Decoder.forward` on the reference backend, sequence by sequence."""
    total = 0.0
    with load_model(path, backend="reference", kv_dtype="f32") as model:
        for start, end in zip(row.cu_seqlens[:-1], row.cu_seqlens[1:], strict=True):
            ids = row.input_ids[start:end]
            num_pages = -(-len(ids) // PAGE_SIZE)
            pages = PageTable(
                np.arange(num_pages, dtype=np.int32)[None],
                np.array([0, len(ids)], np.int32),
                np.array([len(ids)], np.int32),
            )
            pool = model.backend.new_kv_pool(model.network.kv_shape(num_pages, "f32"))
            rows = np.arange(len(ids), dtype=np.int32)
            logits = model.network.forward(ids, pages, pool, rows, adapter)
            logprobs = torch.log_softmax(torch.from_numpy(logits), -1)
            total -= logprobs[np.arange(len(ids) - 1), ids[1:].astype(np.int64)].sum().item()
    return total


def test_dtypes_are_known_by_name(tmp_path):
    path = write_tiny_model(tmp_path / "tiny.gguf")
    assert load_frozen_decoder(path, "float32").dtype == torch.float32
    with pytest.raises(ValueError, match="bfloat16 or float32, not in float16"):
        load_frozen_decoder(path, "float16")
