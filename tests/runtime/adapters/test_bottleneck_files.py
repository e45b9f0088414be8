"""Folders of bottleneck adapters: what is written is read, and what is read was checked. Nothing here needs torch."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.adapters.describe import describe_peft
from runtime.adapters.merge import compare_logits
from runtime.adapters.merge_gguf import merge_to_gguf
from runtime.adapters.merge_safetensors import merge_to_safetensors
from runtime.adapters.read import read_peft
from runtime.adapters.write import write_peft
from runtime.errors import AdapterError
from runtime.layers.bottleneck import BottleneckWeights
from runtime.loaders.load import load_model
from tests.helpers.bottlenecks import random_bottleneck
from tests.helpers.tiny_adapter import WEIGHTS, refusal, write_adapter_folder
from tests.helpers.tiny_model import HIDDEN, write_tiny_model

A0 = "layers.0.attention"


def a0_tensors(size: int = 3) -> dict[str, np.ndarray]:
    return {
        f"{A0}.down.weight": np.full((size, HIDDEN), 0.1, np.float32),
        f"{A0}.down.bias": np.zeros(size, np.float32),
        f"{A0}.up.weight": np.full((HIDDEN, size), 0.1, np.float32),
        f"{A0}.up.bias": np.zeros(HIDDEN, np.float32),
    }


def write_folder(
    folder: Path, settings: dict[str, Any] | None = None, tensors: dict[str, np.ndarray] | None = None
) -> Path:
    keys = {"peft_type": "BOTTLENECK", "activation": "gelu"} | (settings or {})
    return write_adapter_folder(folder, keys, a0_tensors() if tensors is None else tensors)


def test_an_adapter_that_is_written_and_read_is_the_same(model, rng, tmp_path):
    adapter = random_bottleneck(rng, HIDDEN, layers=(1,), activation="silu")
    write_peft(tmp_path / "mine", adapter, model)
    found = read_peft(tmp_path / "mine", model)
    assert isinstance(found, BottleneckWeights)
    assert (found.name, found.digest) == ("mine", adapter.digest)


def test_what_a_folder_says_of_itself(model, rng, tmp_path):
    places = {
        **random_bottleneck(rng, HIDDEN, size=4, layers=(0,)).places,
        **random_bottleneck(rng, HIDDEN, size=2, layers=(1,), places=("feed_forward",)).places,
    }
    write_peft(tmp_path / "mine", BottleneckWeights(places), model, base_model="org/tiny")
    info = describe_peft(tmp_path / "mine")
    assert (info.kind, info.base_model, info.ranks) == ("bottleneck", "org/tiny", (2, 4))
    assert dict(info.modules) == {"attention": 1, "feed_forward": 2}
    assert info.num_parameters == sum(
        part.size for m in places.values() for part in (m.down, m.down_bias, m.up, m.up_bias)
    )
    assert info.base_sha256 is not None and len(info.base_sha256) == 64


def test_settings_that_are_off_are_passed_over(model, tmp_path):
    off = {"task_type": None, "a_newer_setting": None, "another": [], "inference_mode": True}
    assert read_peft(write_folder(tmp_path / "x", off), model)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"activation": "relu"}, "activation is 'relu'; it must be one of silu, gelu, gelu_tanh"),
        ({"activation": None}, "activation is None"),
        ({"activation": ["gelu"]}, "activation is ['gelu']"),
        ({"task_type": "SEQ_CLS"}, "the task 'SEQ_CLS'"),
        ({"scaling": 4}, "sets 'scaling' to 4, which bottleneck adapters do not have here"),
        ({"peft_type": "LORA"}, "'activation' to 'gelu', which this build does not do"),
        ({"peft_type": ["BOTTLENECK"]}, "of the kind ['BOTTLENECK']; this build uses adapters of the kinds LORA, BOTT"),
    ],
    ids=lambda value: json.dumps(value)[:40] if isinstance(value, dict) else "",
)
def test_settings_that_change_the_numbers_are_refused(settings, complaint, model, tmp_path):
    assert complaint in refusal(write_folder(tmp_path / "x", settings), model)


def with_key(key: str, like: str = f"{A0}.up.bias") -> dict[str, np.ndarray]:
    return {key: a0_tensors()[like]}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({f"{A0}.down.weight": np.full((3, HIDDEN), np.nan, np.float32)}, "NaN or infinite"),
        ({f"{A0}.up.bias": np.full(HIDDEN, np.inf, np.float32)}, "NaN or infinite"),
        ({f"{A0}.up.weight": np.zeros((HIDDEN, 3), np.float32)}, "changes nothing: every up is zero"),
        ({f"{A0}.up.weight": np.ones((HIDDEN, 2), np.float32)}, "They must go together"),
        ({f"{A0}.up.weight": np.ones((3, HIDDEN), np.float32)}, "They must go together"),
        ({f"{A0}.down.weight": np.ones((3, 9), np.float32)}, "down (3, 9)"),
        ({f"{A0}.down.weight": np.ones(3, np.float32)}, "down (3,)"),
        ({f"{A0}.down.bias": np.ones(4, np.float32)}, "down_bias (4,)"),
        ({f"{A0}.up.bias": np.ones((HIDDEN, 1), np.float32)}, "up_bias (64, 1)"),
        (with_key("layers.1.attention.up.bias"), "lacks layers.1.attention.down.weight"),
        (with_key(f"layers.00.{A0[9:]}.up.bias"), "has two tensors for 'layers.0"),
        (with_key("layers.0.mlp.up.bias"), "'layers.0.mlp.up.bias', which is no part of a bottleneck adapter"),
        (with_key("layers.٠.attention.up.bias"), "which is no part"),
        (with_key(f"{A0}.up.bias.x"), "which is no part"),
    ],
    ids=range(14),
)
def test_tensors_that_do_not_fit_are_refused(changes, complaint, model, tmp_path):
    assert complaint in refusal(write_folder(tmp_path / "x", tensors=a0_tensors() | changes), model)


def test_a_layer_the_model_does_not_have_is_refused(model, tmp_path):
    tensors = {key.replace("layers.0", "layers.7"): array for key, array in a0_tensors().items()}
    assert "attention of layer 7; this model has 2 layers" in refusal(
        write_folder(tmp_path / "x", tensors=tensors), model
    )


def test_another_number_type_is_refused(model, tmp_path):
    folder = write_folder(tmp_path / "x")
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content.replace(b'"F32"', b'"I32"'))
    assert "as I32; adapters are read from F32, F16, BF16" in refusal(folder, model)


def test_no_tensors_are_no_adapter(model, tmp_path):
    assert "holds no tensors" in refusal(write_folder(tmp_path / "x", tensors={}), model)


def test_an_adapter_of_other_weights_is_refused_by_its_digest(model, rng, tmp_path):
    adapter = random_bottleneck(rng, HIDDEN)
    write_peft(tmp_path / "mine", adapter, model)
    with load_model(write_tiny_model(tmp_path / "other.gguf", "llama", seed=8)) as other:
        assert "was trained on 'tiny'" in refusal(tmp_path / "mine", other)
        assert read_peft(tmp_path / "mine", other, check_base=False).digest == adapter.digest


def test_what_cannot_be_written_is_refused_before_anything_is(model, rng, tmp_path):
    with pytest.raises(ValueError, match="stands at no place"):
        write_peft(tmp_path / "x", BottleneckWeights({}), model)
    with pytest.raises(ValueError, match="settings of LoRA"):
        write_peft(tmp_path / "x", random_bottleneck(rng, HIDDEN), model, dropout=0.1)
    with pytest.raises(AdapterError, match="layer 2"):
        write_peft(tmp_path / "x", random_bottleneck(rng, HIDDEN, layers=(2,)), model)
    assert not (tmp_path / "x").exists()


def test_it_is_not_merged(model, rng, tmp_path):
    adapter = random_bottleneck(rng, HIDDEN, name="mine")
    for merge in (merge_to_gguf, merge_to_safetensors):
        with pytest.raises(AdapterError, match=r"'mine' adds parts of its own.*only LoRA and DoRA"):
            merge(model, adapter, tmp_path / "merged.gguf")
    assert not (tmp_path / "merged.gguf").exists()


def test_logits_are_compared_with_it(model, rng):
    drift = compare_logits(model, random_bottleneck(rng, HIDDEN), model, np.arange(20, dtype=np.int32))
    assert drift.max_difference > 0.1
