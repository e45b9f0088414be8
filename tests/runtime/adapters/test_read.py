"""What `read_peft` refuses, each in one sentence, and what it passes over. Nothing here needs torch."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.adapters.read import read_peft
from runtime.adapters.write import write_peft
from runtime.layers.lora import LoraMatrices, LoraWeights
from runtime.loaders.load import load_model
from tests.helpers.tiny_adapter import CONFIG, WEIGHTS, refusal, write_adapter_folder
from tests.helpers.tiny_model import write_tiny_model

Q0 = "base_model.model.model.layers.0.self_attn.q_proj"


def q0_tensors(rank: int = 2) -> dict[str, np.ndarray]:
    return {
        f"{Q0}.lora_A.weight": np.full((rank, 64), 0.1, np.float32),
        f"{Q0}.lora_B.weight": np.full((64, rank), 0.1, np.float32),
    }


def write_folder(
    folder: Path, settings: dict[str, Any] | None = None, tensors: dict[str, np.ndarray] | None = None, **notes: str
) -> Path:
    keys = {"peft_type": "LORA", "r": 2, "lora_alpha": 4} | (settings or {})
    return write_adapter_folder(folder, keys, q0_tensors() if tensors is None else tensors, **notes)


def test_four_keys_and_two_tensors_are_an_adapter(model, tmp_path):
    adapter = read_peft(write_folder(tmp_path / "mine"), model)
    assert adapter.name == "mine"
    assert list(adapter.modules) == ["blk.0.attn_q"]
    assert adapter.modules["blk.0.attn_q"].scale == 2.0


def test_rank_and_alpha_are_8_where_they_are_not_said(model, tmp_path):
    folder = write_folder(tmp_path / "x", tensors=q0_tensors(rank=8))
    (folder / CONFIG).write_text('{"peft_type": "LORA"}')
    assert read_peft(folder, model).modules["blk.0.attn_q"].scale == 1.0


def test_a_pattern_names_the_end_of_a_module(model, tmp_path):
    settings = {"alpha_pattern": {"q": 100, "roj": 100, "attn.q_proj": 100, "self_attn.q_proj": 6}}
    assert read_peft(write_folder(tmp_path / "x", settings), model).modules["blk.0.attn_q"].scale == 3.0


def test_settings_that_are_off_are_passed_over(model, tmp_path):
    off = {
        "modules_to_save": None,
        "fan_in_fan_out": False,
        "a_newer_setting": None,
        "another": [],
        "megatron_core": "x",
    }
    assert read_peft(write_folder(tmp_path / "x", off), model).modules


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"modules_to_save": ["lm_head"]}, "'modules_to_save' (whole modules that were trained beside the adapter)"),
        ({"fan_in_fan_out": True}, "'fan_in_fan_out' (matrices stored the other way round"),
        ({"bias": "lora_only"}, "bias 'lora_only'"),
        ({"trainable_token_indices": [1]}, "'trainable_token_indices' (embeddings of chosen tokens)"),
        ({"lora_bias": True}, "'lora_bias'"),
        ({"a_newer_setting": 3}, "'a_newer_setting' to 3, which this build does not do"),
        ({"init_lora_weights": "pissa"}, "'pissa', which changes the base model's weights as well"),
        ({"peft_type": "IA3"}, "of the kind 'IA3'"),
        ({"peft_type": None}, "of the kind None"),
        ({"task_type": "SEQ_CLS"}, "the task 'SEQ_CLS'"),
        ({"r": 0}, "the rank r is 0"),
        ({"r": True}, "the rank r is True"),
        ({"r": 2.5}, "the rank r is 2.5"),
        ({"r": 3}, "has rank 2, and adapter_config.json says 3"),
        ({"lora_alpha": 0}, "lora_alpha is 0"),
        ({"lora_alpha": "16"}, "lora_alpha is '16'"),
        ({"use_rslora": "yes"}, "use_rslora is 'yes'"),
        ({"use_dora": True}, "has no magnitude, and adapter_config.json says use_dora is True"),
        ({"rank_pattern": [1]}, "rank_pattern must be a table"),
        ({"rank_pattern": {"(a+)+$": 3}}, "none of a group"),
        ({"rank_pattern": {"a*a*a*a*": 3}}, "at most 3 repetitions"),
        ({"rank_pattern": {"(?=x)": 3}}, "regular expressions of up to"),
        ({"rank_pattern": {"a[": 3}}, "has the key 'a['"),
        ({"rank_pattern": {"x" * 201: 3}}, "up to 200 characters"),
        ({"base_model_name_or_path": 7}, "base_model_name_or_path is 7; it must be text"),
    ],
    ids=lambda value: json.dumps(value)[:40] if isinstance(value, dict) else "",
)
def test_settings_that_change_the_numbers_are_refused(settings, complaint, model, tmp_path):
    assert complaint in refusal(write_folder(tmp_path / "x", settings), model)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "not valid JSON"),
        (b"[]", "not a table"),
        (b'{"r": NaN}', "not valid JSON"),
        (b'{"r": 1, "r": 2}', "'r' is there twice"),
        (b"[" * 100_000, "nested too deeply"),
        (b"\xff\xfe", "not valid JSON"),
        (b" " * ((1 << 20) + 1), "larger than 1,048,576 bytes"),
    ],
    ids=["empty", "list", "nan", "twice", "nested", "not utf-8", "large"],
)
def test_settings_that_are_no_settings_are_refused(content, complaint, model, tmp_path):
    folder = write_folder(tmp_path / "x")
    (folder / CONFIG).write_bytes(content)
    assert complaint in refusal(folder, model)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({f"{Q0}.lora_A.weight": np.full((2, 64), np.nan, np.float32)}, "NaN or infinite"),
        ({f"{Q0}.lora_B.weight": np.full((64, 2), np.inf, np.float32)}, "NaN or infinite"),
        ({f"{Q0}.lora_B.weight": np.zeros((64, 2), np.float32)}, "changes nothing: every lora_B is zero"),
        (
            {f"{Q0}.lora_A.weight": np.ones((2, 60), np.float32)},
            "by (64, 2) times (2, 60); in this model it is (64, 64)",
        ),
        ({f"{Q0}.lora_A.weight": np.ones((2, 64, 1), np.float32)}, "in this model it is (64, 64)"),
        ({f"{Q0}.lora_A.weight": np.ones((4, 64), np.float32)}, "by (64, 2) times (4, 64)"),
        ({f"{Q0}.lora_magnitude_vector": np.ones(64, np.float32)}, "has a magnitude"),
        ({f"{Q0}.bias": np.ones(64, np.float32)}, "nothing that this build can apply"),
        (
            {"base_model.model.lm_head.lora_A.weight": np.ones((2, 64), np.float32)},
            "a change of one is a change of both",
        ),
        ({"base_model.model.model.embed_tokens.lora_embedding_A": np.ones((2, 9), np.float32)}, "embed_tokens"),
        ({"model.layers.0.self_attn.q_proj.lora_A.weight": np.ones((2, 64), np.float32)}, "nothing that this build"),
        ({"base_model.model.model.layers.0.mlp.up_proj.lora_A.weight": np.ones((2, 64), np.float32)}, "lacks lora_B"),
    ],
    ids=range(12),
)
def test_tensors_that_do_not_fit_are_refused(changes, complaint, model, tmp_path):
    assert complaint in refusal(write_folder(tmp_path / "x", tensors=q0_tensors() | changes), model)


def test_a_layer_the_model_does_not_have_is_refused(model, tmp_path):
    tensors = {key.replace("layers.0", "layers.7"): array for key, array in q0_tensors().items()}
    assert "blk.7.attn_q, which this model does not have" in refusal(
        write_folder(tmp_path / "x", tensors=tensors), model
    )


def test_no_tensors_are_no_adapter(model, tmp_path):
    assert "holds no tensors" in refusal(write_folder(tmp_path / "x", tensors={}), model)


def test_another_number_type_is_refused(model, tmp_path):
    folder = write_folder(tmp_path / "x")
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content.replace(b'"F32"', b'"I32"'))
    assert "as I32; adapters are read from F32, F16, BF16" in refusal(folder, model)


def test_a_header_that_is_too_long_is_refused(model, tmp_path):
    folder = write_folder(tmp_path / "x")
    (folder / WEIGHTS).write_bytes((1 << 40).to_bytes(8, "little") + b"{}")
    assert "the header claims 1099511627776 bytes" in refusal(folder, model)


@pytest.mark.parametrize("size", [0, 7, 8, 100, -1])
def test_a_file_that_is_cut_off_is_refused(size, model, tmp_path):
    folder = write_folder(tmp_path / "x")
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:size])
    assert refusal(folder, model)


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_links_are_not_followed(name, model, tmp_path):
    folder = write_folder(tmp_path / "x")
    (folder / name).rename(tmp_path / "outside")
    (folder / name).symlink_to(tmp_path / "outside")
    assert "is a symbolic link, which is not followed" in refusal(folder, model)


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_a_pipe_is_refused_without_waiting(name, model, tmp_path):
    folder = write_folder(tmp_path / "x")
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert "no plain file" in refusal(folder, model)


def test_what_is_no_folder_is_refused(model, tmp_path):
    assert "does not exist" in refusal(tmp_path / "nowhere", model)
    (tmp_path / "file").touch()
    assert "name the folder" in refusal(tmp_path / "file", model)
    assert "has no adapter_config.json" in refusal(tmp_path, model)


def test_pickled_weights_are_refused(model, tmp_path):
    folder = write_folder(tmp_path / "x")
    (folder / WEIGHTS).rename(folder / "adapter_model.bin")
    assert "runs code when it is read" in refusal(folder, model)


def test_an_adapter_of_other_weights_is_refused_by_its_digest(model, tmp_path):
    matrices = LoraMatrices(np.ones((1, 64), np.float32), np.ones((64, 1), np.float32), 1.0)
    adapter = LoraWeights({"blk.0.attn_q": matrices})
    write_peft(tmp_path / "mine", adapter, model)
    assert read_peft(tmp_path / "mine", model).digest == adapter.digest
    with load_model(write_tiny_model(tmp_path / "other.gguf", "llama", seed=8)) as other:
        message = refusal(tmp_path / "mine", other)
        assert "was trained on 'tiny'" in message and "other has others" in message and "rebind" in message
        assert read_peft(tmp_path / "mine", other, check_base=False).digest == adapter.digest
