"""What `write_peft` writes, and what a killed writer leaves."""

import json
import subprocess
import sys

import numpy as np
import pytest

from runtime.adapters import write as write_module
from runtime.adapters.read import read_peft
from runtime.adapters.write import write_peft
from runtime.errors import AdapterError
from runtime.layers.lora import LoraMatrices, LoraWeights


def matrices(num_outputs: int = 64, rank: int = 2, scale: float = 0.5, magnitude: float | None = None) -> LoraMatrices:
    rows = np.arange(num_outputs, dtype=np.float32)
    return LoraMatrices(
        np.full((rank, 64), 0.1, np.float32),
        np.repeat(rows[:, None], rank, axis=1),
        scale,
        None if magnitude is None else rows + np.float32(magnitude),
    )


def settings_of(folder) -> dict:
    return json.loads((folder / "adapter_config.json").read_text())


def test_only_what_is_not_the_default_is_said(model, tmp_path):
    write_peft(tmp_path, LoraWeights({f"blk.{layer}.attn_q": matrices() for layer in range(2)}), model)
    assert settings_of(tmp_path) == {
        "base_model_name_or_path": "tiny",
        "bias": "none",
        "inference_mode": True,
        "lora_alpha": 1,
        "lora_dropout": 0.0,
        "peft_type": "LORA",
        "r": 2,
        "target_modules": ["q_proj"],
        "task_type": "CAUSAL_LM",
    }


def test_exceptions_become_patterns(model, tmp_path):
    modules = {
        "blk.0.attn_q": matrices(rank=4, scale=1.0),
        "blk.1.attn_q": matrices(),
        "blk.1.attn_k": matrices(32),
    }
    write_peft(tmp_path, LoraWeights(modules), model)
    found = settings_of(tmp_path)
    assert (found["r"], found["lora_alpha"]) == (2, 1)
    assert found["rank_pattern"] == {"model.layers.0.self_attn.q_proj": 4}
    assert found["alpha_pattern"] == {"model.layers.0.self_attn.q_proj": 4}
    assert found["target_modules"] == ["model.layers.1.self_attn.k_proj", "q_proj"]
    assert read_peft(tmp_path, model).digest == LoraWeights(modules).digest


def test_magnitudes_are_reordered_and_come_back(model, tmp_path):
    adapter = LoraWeights({"blk.0.attn_q": matrices(magnitude=1), "blk.0.ffn_up": matrices(96, magnitude=2)})
    write_peft(tmp_path, adapter, model)
    assert settings_of(tmp_path)["use_dora"] is True
    assert read_peft(tmp_path, model).digest == adapter.digest


def test_the_same_adapter_gives_the_same_bytes(model, tmp_path):
    modules = {f"blk.{layer}.attn_q": matrices() for layer in range(2)}
    write_peft(tmp_path / "a", LoraWeights(modules), model)
    write_peft(tmp_path / "b", LoraWeights(dict(reversed(modules.items()))), model)
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def adapter_of_scale(scale: float) -> LoraWeights:
    return LoraWeights({"blk.0.attn_q": matrices(scale=scale)})


def test_a_full_disk_leaves_the_old_adapter_whole(model, tmp_path, monkeypatch):
    write_peft(tmp_path, adapter_of_scale(0.5), model)

    def write_part(file, *_: object) -> None:
        file.write(b"part")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(write_module, "stream_safetensors", write_part)
        with pytest.raises(OSError, match="No space"):
            write_peft(tmp_path, adapter_of_scale(4.0), model)
    assert read_peft(tmp_path, model).digest == adapter_of_scale(0.5).digest
    write_peft(tmp_path, adapter_of_scale(4.0), model)
    assert read_peft(tmp_path, model).digest == adapter_of_scale(4.0).digest
    assert len(list(tmp_path.iterdir())) == 2


WRITE_AND_DIE = """
import os, sys
import numpy as np
from runtime.adapters.write import write_peft
from runtime.layers.lora import LoraMatrices, LoraWeights
from runtime.loaders.load import load_model

replace, num_left = os.replace, int(sys.argv[3])

def replace_or_die(*paths):
    global num_left
    if num_left == 0:
        os.kill(os.getpid(), 9)
    num_left -= 1
    replace(*paths)

os.replace = replace_or_die
ones = np.ones((1, 64), np.float32)
with load_model(sys.argv[1]) as model:
    write_peft(sys.argv[2], LoraWeights({"blk.0.attn_q": LoraMatrices(ones, ones.T.copy(), 4.0)}), model)
"""


@pytest.mark.parametrize("num_renames", [0, 1])
def test_a_killed_writer_never_mixes_two_adapters(num_renames, model, tmp_path):
    write_peft(tmp_path, adapter_of_scale(0.5), model)
    command = [sys.executable, "-c", WRITE_AND_DIE, str(model.path), str(tmp_path), str(num_renames)]
    assert subprocess.run(command, check=False).returncode == -9
    with pytest.raises(AdapterError, match=r"has no adapter_config\.json"):
        read_peft(tmp_path, model)
    write_peft(tmp_path, adapter_of_scale(0.5), model)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]


def test_what_peft_cannot_hold_is_refused_before_anything_is_written(model, tmp_path):
    mixed = LoraWeights({"blk.0.attn_q": matrices(magnitude=1), "blk.1.attn_q": matrices()})
    with pytest.raises(ValueError, match="all or none"):
        write_peft(tmp_path / "x", mixed, model)
    with pytest.raises(ValueError, match="nothing to write"):
        write_peft(tmp_path / "x", LoraWeights({}), model)
    with pytest.raises(AdapterError, match=r"blk\.9\.attn_q, which this model does not have"):
        write_peft(tmp_path / "x", LoraWeights({"blk.9.attn_q": matrices()}), model)
    assert not (tmp_path / "x").exists()
