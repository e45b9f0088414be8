import numpy as np
import pytest
import torch

from runtime.errors import AdapterError
from runtime.training.lora import TrainableLora
from runtime.training.lora_settings import LoraSettings
from runtime.training.weights import load_frozen_decoder
from tests.helpers.tiny_model import write_tiny_model
from tests.helpers.training import random_adapter_


@pytest.fixture
def decoder(tmp_path):
    return load_frozen_decoder(write_tiny_model(tmp_path / "tiny.gguf"), torch.float32)


def test_unknown_modules_are_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"no module 'q_pro'.*attn_q, attn_k.*q_proj, k_proj"):
        LoraSettings(modules=("q_pro",))


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"rank": 0}, "rank is 0"),
        ({"alpha": -1.0}, "alpha is -1"),
        ({"dropout": 1.0}, "dropout is 1"),
        ({"modules": ()}, "No module"),
        ({"last_layers": 0}, "last_layers is 0"),
        ({"modules": ("attn_q",), "ranks": {"attn_v": 4}}, "attn_v, which is not among"),
    ],
)
def test_settings_out_of_range_are_refused(settings, complaint):
    with pytest.raises(ValueError, match=complaint):
        LoraSettings(**settings)


def test_names_of_hugging_face_and_ranks_of_their_own_are_taken(decoder):
    lora = TrainableLora(decoder, LoraSettings(modules=("q_proj", "down_proj"), ranks={"down_proj": 2}, rank=5))
    assert set(lora.parameters) == {f"blk.{i}.{part}" for i in (0, 1) for part in ("attn_q", "ffn_down")}
    assert lora.parameters["blk.0.attn_q"][0].shape == (5, 64)
    assert lora.parameters["blk.0.ffn_down"][0].shape == (2, 96)


@pytest.mark.parametrize(("use_rslora", "scale"), [(False, 4.0), (True, 8.0)])
def test_scale_is_alpha_over_rank_or_over_its_root(use_rslora, scale):
    assert LoraSettings(rank=4, alpha=16, use_rslora=use_rslora).scale_of("attn_q") == scale


def test_an_adapter_that_leaves_and_returns_is_the_same(decoder, rng):
    lora, other = (TrainableLora(decoder, LoraSettings(seed=seed)) for seed in (0, 1))
    random_adapter_(lora, rng)
    other.load_lora_weights_(lora.to_lora_weights())
    assert all(torch.equal(a, b) for a, b in zip(lora.tensors(), other.tensors(), strict=True))
    with pytest.raises(AdapterError, match="different modules"):
        TrainableLora(decoder, LoraSettings(modules=("attn_q",))).load_lora_weights_(lora.to_lora_weights())
    with pytest.raises(AdapterError, match="plain LoRA of shape"):
        TrainableLora(decoder, LoraSettings(rank=4)).load_lora_weights_(lora.to_lora_weights())


def test_a_new_adapter_is_seeded_and_changes_nothing(decoder):
    one, same, other = (TrainableLora(decoder, LoraSettings(seed=seed)) for seed in (3, 3, 4))
    assert torch.equal(one.tensors()[0], same.tensors()[0])
    assert not torch.equal(one.tensors()[0], other.tensors()[0])
    assert all(not np.any(matrices.b) for matrices in one.to_lora_weights().modules.values())
    assert one.tensors()[0].abs().max() <= 1 / 8  # 1 / sqrt(64)
