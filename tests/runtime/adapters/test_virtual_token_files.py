"""Soft prompts and prefixes: PEFT's loaded by us and ours by PEFT give the same logits; what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.adapters.describe import describe_peft
from runtime.adapters.read import read_peft
from runtime.adapters.write import write_peft
from runtime.errors import AdapterError
from runtime.layers.lora import LoraWeights
from runtime.layers.virtual_tokens import PrefixWeights, SoftPromptWeights
from runtime.loaders.load import Model, load_model
from tests.helpers.tiny_adapter import write_adapter_folder
from tests.helpers.tiny_model import DECODERS, write_tiny_model
from tests.helpers.virtual_tokens import KINDS, logits_after_virtual_tokens, random_virtual_tokens

NUM_VIRTUAL, NUM_TOKENS = 5, 24  # past the window of the models that have one
WIDTHS = {"prompt": 64, "prefix": 2 * 2 * 2 * 16}  # of a row, for a tiny llama


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    with load_model(write_tiny_model(tmp_path_factory.mktemp("base") / "tiny.gguf", "llama")) as loaded:
        yield loaded


@pytest.fixture
def input_ids(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 288, NUM_TOKENS)


def tiny(tmp_path: Path, architecture: str) -> Model:
    return load_model(write_tiny_model(tmp_path / f"{architecture}.gguf", architecture), num_threads=1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("architecture", DECODERS)
def test_an_adapter_of_peft_gives_its_logits_here(architecture, kind, input_ids, tmp_path):
    pytest.importorskip("peft")
    from tests.helpers.peft_adapters import known_warnings, save_random_virtual_tokens
    from tests.helpers.transformers_model import logits_of

    with tiny(tmp_path, architecture) as model:
        peft_model = save_random_virtual_tokens(model.path, tmp_path / "a", kind, NUM_VIRTUAL)
        with known_warnings():
            theirs = logits_of(peft_model, input_ids)[-NUM_TOKENS:]
        adapter = read_peft(tmp_path / "a", model)
        ours = logits_after_virtual_tokens(model.network, adapter, input_ids)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 if architecture != "gemma3" else 3e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
def test_peft_loads_what_we_write_without_a_warning(architecture, kind, input_ids, tmp_path, capfd):
    pytest.importorskip("peft")
    from tests.helpers.peft_adapters import peft_logits

    with tiny(tmp_path, architecture) as model:
        adapter = random_virtual_tokens(kind, model.config, NUM_VIRTUAL)
        write_peft(tmp_path / "ours", adapter, model)
        theirs = peft_logits(model.path, tmp_path / "ours", input_ids)[-NUM_TOKENS:]
        ours = logits_after_virtual_tokens(model.network, adapter, input_ids)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)
        assert "missing" not in capfd.readouterr().err.lower()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read_back(kind, llama, tmp_path):
    adapter = random_virtual_tokens(kind, llama.config)
    write_peft(tmp_path / "mine", adapter, llama)
    found = read_peft(tmp_path / "mine", llama)
    assert type(found) is type(adapter)
    assert found.name == "mine"
    assert found.digest == adapter.digest


def test_stored_keys_are_in_the_order_of_a_checkpoint_and_values_as_they_are(llama, tmp_path):
    """In a Llama file the neighbours of a head rotate together: 0, 8, 1, 9 … of a checkpoint's 16."""
    prefix = PrefixWeights(*np.broadcast_to(np.arange(16, dtype=np.float32), (2, 2, 1, 2, 16)).copy())
    write_peft(tmp_path / "mine", prefix, llama)
    row = np.frombuffer((tmp_path / "mine" / "adapter_model.safetensors").read_bytes()[-4 * 128 :], np.float32)
    assert row[:16].tolist() == [*range(0, 16, 2), *range(1, 16, 2)]  # the keys of layer 0's first head
    assert row[32:48].tolist() == list(range(16))  # its values, after the keys of both heads


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_says_what_it_holds(kind, llama, tmp_path):
    write_peft(tmp_path / "mine", random_virtual_tokens(kind, llama.config), llama)
    found = describe_peft(tmp_path / "mine")
    assert found.kind == f"{kind} tuning"
    assert found.num_virtual_tokens == 5
    assert found.num_parameters == 5 * WIDTHS[kind]
    assert (found.ranks, found.modules) == ((), {})


def write_folder(folder: Path, kind: str, tensors: dict[str, np.ndarray] | None = None, **settings: Any) -> Path:
    if tensors is None:
        tensors = {"prompt_embeddings": np.ones((3, WIDTHS[kind]), np.float32)}
    return write_adapter_folder(folder, {"peft_type": f"{kind}_TUNING".upper()} | settings, tensors)


@pytest.mark.parametrize("kind", KINDS)
def test_settings_may_say_nothing(kind, llama, tmp_path):
    assert read_peft(write_folder(tmp_path / "x", kind), llama).num_tokens == 3


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another count": ({"num_virtual_tokens": 4}, "num_virtual_tokens is 4"),
    "true for one": ({"num_transformer_submodules": True}, "num_transformer_submodules is True"),
    "an encoder's half": ({"num_transformer_submodules": 2}, "num_transformer_submodules is 2"),
    "another model": ({"num_layers": 3}, "num_layers is 3"),
    "other heads": ({"num_attention_heads": 64}, "num_attention_heads is 64"),
    "another size": ({"token_dim": "64"}, "token_dim is '64'"),
    "whole modules": ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
    "an unknown setting": ({"gate": 0.5}, "'gate' to 0.5"),
    "another task": ({"task_type": "SEQ_CLS"}, "SEQ_CLS"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", REFUSED)
def test_settings_that_would_change_the_answers_are_refused(case, kind, llama, tmp_path):
    settings, reason = REFUSED[case]
    with pytest.raises(AdapterError, match=reason):
        read_peft(write_folder(tmp_path / "x", kind, **settings), llama)


TENSORS: dict[str, tuple[dict[str, tuple[int, ...]], str]] = {
    "none": ({}, "no prompt_embeddings"),
    "a stray": ({"prompt_embeddings": (3, 64), "lm_head.weight": (2, 2)}, "lm_head.weight"),
    "no matrix": ({"prompt_embeddings": (3,)}, r"the shape \(3,\)"),
    "no token": ({"prompt_embeddings": (0, 64)}, r"the shape \(0, 64\)"),
    "another width": ({"prompt_embeddings": (3, 63)}, "of 63 values"),
    "the whole context": ({"prompt_embeddings": (512, -1)}, "leave nothing of this model's context of 512"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", TENSORS)
def test_tensors_that_are_no_virtual_tokens_of_the_model_are_refused(case, kind, llama, tmp_path):
    shapes, reason = TENSORS[case]
    tensors = {
        key: np.zeros([WIDTHS[kind] if size == -1 else size for size in shape], np.float32)
        for key, shape in shapes.items()
    }
    with pytest.raises(AdapterError, match=reason):
        read_peft(write_folder(tmp_path / "x", kind, tensors), llama)


@pytest.mark.parametrize("kind", KINDS)
def test_values_that_are_not_finite_are_refused(kind, llama, tmp_path):
    rows = np.full((3, WIDTHS[kind]), np.nan, np.float32)
    with pytest.raises(AdapterError, match="NaN or infinite"):
        read_peft(write_folder(tmp_path / "x", kind, {"prompt_embeddings": rows}), llama)


@pytest.mark.parametrize("kind", KINDS)
def test_the_adapter_of_another_model_is_refused_before_it_is_written(kind, llama, tmp_path):
    with tiny(tmp_path, "qwen3") as other:
        adapter = random_virtual_tokens(kind, other.config)
    adapter = SoftPromptWeights(np.ones((3, 63), np.float32)) if kind == "prompt" else adapter
    with pytest.raises(AdapterError, match="this model's are"):
        write_peft(tmp_path / "x", adapter, llama)
    assert not (tmp_path / "x").exists()


def test_settings_of_lora_are_none_of_theirs(llama, tmp_path):
    adapter = random_virtual_tokens("prompt", llama.config)
    assert not isinstance(adapter, LoraWeights)
    with pytest.raises(ValueError, match="settings of LoRA"):
        write_peft(tmp_path / "x", adapter, llama, dropout=0.1)
