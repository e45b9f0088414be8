"""PEFT's adapters loaded by us, and ours by PEFT: the same logits."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("peft")

from runtime.adapters.read import read_peft
from runtime.adapters.write import write_peft
from runtime.layers.lora import LoraWeights
from runtime.loaders.load import Model, load_model
from tests.helpers.decoding import logits_in_steps
from tests.helpers.peft_adapters import peft_logits, save_random_adapter
from tests.helpers.tiny_model import write_tiny_model
from tests.helpers.transformers_model import logits_of

KINDS: dict[str, dict[str, Any]] = {
    "lora": {},
    "rslora": {"use_rslora": True},
    "dora": {"use_dora": True},
    "patterns": {
        "rank_pattern": {"q_proj": 2, r"layers\.1\.mlp\.up_proj": 3},
        "alpha_pattern": {"model.layers.0.self_attn.k_proj": 1, "v_proj": 9},
    },
    "some modules": {"target_modules": ["q_proj", "down_proj"], "layers_to_transform": [1]},
    "rslora, dora, patterns": {"use_rslora": True, "use_dora": True, "rank_pattern": {"k_proj": 5}},
}
NUM_TOKENS = 24


@pytest.fixture
def input_ids(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 288, NUM_TOKENS)


def our_logits(model: Model, input_ids: np.ndarray, adapter: LoraWeights | None = None) -> np.ndarray:
    return logits_in_steps(model.network, input_ids, [NUM_TOKENS], adapter=adapter)


def tiny(tmp_path: Path, architecture: str, **options: Any) -> Model:
    return load_model(write_tiny_model(tmp_path / f"{architecture}.gguf", architecture, **options))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
def test_an_adapter_of_peft_gives_its_logits_here(architecture, kind, input_ids, tmp_path):
    with tiny(tmp_path, architecture) as model:
        theirs = logits_of(save_random_adapter(model.path, tmp_path / "adapter", **KINDS[kind]), input_ids)
        adapter = read_peft(tmp_path / "adapter", model)
        np.testing.assert_allclose(our_logits(model, input_ids, adapter), theirs, rtol=0, atol=1e-5)
        assert np.abs(theirs - our_logits(model, input_ids)).max() > 0.1


@pytest.mark.parametrize("architecture", ["mistral", "qwen3", "gemma3"])
def test_every_architecture_knows_the_names_and_rows(architecture, input_ids, tmp_path):
    with tiny(tmp_path, architecture) as model:
        theirs = logits_of(save_random_adapter(model.path, tmp_path / "adapter", use_dora=True), input_ids)
        adapter = read_peft(tmp_path / "adapter", model)
        np.testing.assert_allclose(our_logits(model, input_ids, adapter), theirs, rtol=0, atol=3e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
def test_peft_loads_what_we_write_without_a_warning(architecture, kind, input_ids, tmp_path, capfd):
    with tiny(tmp_path, architecture) as model:
        save_random_adapter(model.path, tmp_path / "theirs", **KINDS[kind])
        adapter = read_peft(tmp_path / "theirs", model)
        write_peft(tmp_path / "ours", adapter, model, use_rslora="rslora" in kind)
        ours = our_logits(model, input_ids, adapter)
        np.testing.assert_allclose(peft_logits(model.path, tmp_path / "ours", input_ids), ours, rtol=0, atol=1e-5)
        assert read_peft(tmp_path / "ours", model).digest == adapter.digest
        assert "missing" not in capfd.readouterr().err.lower()


def test_rows_of_q_and_k_follow_the_file(input_ids, tmp_path):
    """In a Llama file they are reordered; without that the adapter would be another one."""
    with tiny(tmp_path, "llama") as model:
        save_random_adapter(model.path, tmp_path / "adapter", target_modules=["q_proj", "k_proj"])
        adapter = read_peft(tmp_path / "adapter", model)
        theirs = peft_logits(model.path, tmp_path / "adapter", input_ids)
        ours = our_logits(model, input_ids, adapter)
        order = np.arange(16).reshape(8, 2).T.reshape(-1)  # 16 dimensions a head: back to halves
        unordered = LoraWeights(
            {
                module: dataclasses.replace(
                    matrices, b=np.ascontiguousarray(matrices.b.reshape(-1, 16, 4)[:, order].reshape(-1, 4))
                )
                for module, matrices in adapter.modules.items()
            }
        )
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)
        assert np.abs(our_logits(model, input_ids, unordered) - theirs).max() > 0.02


def test_a_head_of_its_own_changes_nothing_for_adapters(input_ids, tmp_path):
    with tiny(tmp_path, "llama", tied_head=False) as model:
        theirs = logits_of(save_random_adapter(model.path, tmp_path / "adapter"), input_ids)
        adapter = read_peft(tmp_path / "adapter", model)
        np.testing.assert_allclose(our_logits(model, input_ids, adapter), theirs, rtol=0, atol=1e-5)


def test_half_precision_files_are_read(input_ids, tmp_path):
    import torch

    with tiny(tmp_path, "llama") as model:
        adapted = save_random_adapter(model.path, tmp_path / "adapter")
        adapted.to(torch.bfloat16).save_pretrained(tmp_path / "half")
        full, half = (read_peft(tmp_path / name, model) for name in ("adapter", "half"))
        for module, matrices in full.modules.items():
            rounded = torch.from_numpy(matrices.b).bfloat16().float().numpy()
            np.testing.assert_array_equal(half.modules[module].b, rounded)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lora", "rslora", "dora", "patterns"])
def test_a_real_model_with_reordered_rows(kind, tmp_path):
    """SmolLM2 as its file stores it, quantised, against its dequantised weights in transformers, both ways."""
    from tests.helpers.real_models import real_model

    path = real_model("smollm2-135m")
    with load_model(path) as model:
        ids = model.tokenizer.encode("The row order of queries and keys is not the same everywhere. 中文也一样。")
        settings = {"r": 8, "lora_alpha": 16} | KINDS[kind]
        theirs = logits_of(save_random_adapter(path, tmp_path / "theirs", size=0.02, **settings), ids)
        adapter = read_peft(tmp_path / "theirs", model)
        write_peft(tmp_path / "ours", adapter, model, use_rslora=kind == "rslora")
        ours = logits_in_steps(model.network, ids, [len(ids)], adapter=adapter)
        plain = logits_in_steps(model.network, ids, [len(ids)])
    largest = np.abs(theirs).max()
    assert np.abs(ours - theirs).max() <= 1e-3 * largest
    assert np.abs(ours - peft_logits(path, tmp_path / "ours", ids)).max() <= 1e-3 * largest
    assert np.abs(plain - theirs).max() > 1e-2 * largest
    print(f"{kind}: {np.abs(ours - theirs).max() / largest:.2e} of the largest logit, {largest:.1f}")
