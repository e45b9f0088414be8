"""A merged checkpoint: transformers loads the folder and finds what we compute with the adapter beside its base."""

import json

import numpy as np
import pytest

transformers = pytest.importorskip("transformers")

from runtime.adapters.merge_safetensors import merge_to_safetensors  # noqa: E402
from runtime.errors import UnsupportedModelError  # noqa: E402
from runtime.loaders.load import load_model  # noqa: E402
from runtime.loaders.safetensors import read_safetensors  # noqa: E402
from tests.helpers.decoding import logits_in_steps  # noqa: E402
from tests.helpers.tiny_model import DECODERS, write_tiny_model  # noqa: E402
from tests.helpers.transformers_model import logits_of  # noqa: E402
from tests.runtime.adapters.test_merge_gguf import NUM_TOKENS, adapter_for  # noqa: E402


def theirs(folder, ids: np.ndarray) -> np.ndarray:
    model, info = transformers.AutoModelForCausalLM.from_pretrained(
        folder, output_loading_info=True, local_files_only=True, attn_implementation="eager"
    )
    assert not any(info[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys")), info
    return logits_of(model.eval(), ids)


@pytest.mark.parametrize("tied_head", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("architecture", DECODERS)
def test_transformers_loads_the_folder(architecture, tied_head, rng, tmp_path):
    ids = rng.integers(0, 288, NUM_TOKENS)
    with load_model(write_tiny_model(tmp_path / "base.gguf", architecture, tied_head=tied_head)) as model:
        adapter = adapter_for(model, rng, has_magnitude=tied_head)
        report = merge_to_safetensors(model, adapter, tmp_path / "merged", format="F32")
        expected = logits_in_steps(model.network, ids, [NUM_TOKENS], adapter=adapter)
    assert report.lost == 0
    np.testing.assert_allclose(theirs(tmp_path / "merged", ids), expected, rtol=0, atol=1e-4)
    assert json.loads((tmp_path / "merged" / "config.json").read_text())["tie_word_embeddings"] is tied_head
    with read_safetensors(tmp_path / "merged" / "model.safetensors") as file:
        assert ("lm_head.weight" in file) is not tied_head


@pytest.mark.parametrize("format", ["F16", "BF16"])
def test_half_precision_is_reported(format, rng, tmp_path):
    with load_model(write_tiny_model(tmp_path / "base.gguf")) as model:
        report = merge_to_safetensors(model, adapter_for(model, rng), tmp_path / "merged", format=format)
    assert 0 < report.lost < 0.05
    with read_safetensors(tmp_path / "merged" / "model.safetensors") as file:
        assert {tensor.dtype for tensor in file.tensors.values()} == {format}
    assert json.loads((tmp_path / "merged" / "config.json").read_text())["torch_dtype"].endswith("float16")


def test_biases_of_every_matrix_are_kept(rng, tmp_path):
    sizes = {"attn_q": 64, "attn_k": 32, "attn_v": 32, "attn_output": 64}
    biases = {
        f"blk.{layer}.{name}.bias": rng.standard_normal(size, np.float32)
        for layer in range(2)
        for name, size in sizes.items()
    }
    ids = rng.integers(0, 288, NUM_TOKENS)
    with load_model(write_tiny_model(tmp_path / "base.gguf", replaced=biases)) as model:
        adapter = adapter_for(model, rng)
        merge_to_safetensors(model, adapter, tmp_path / "merged", format="F32")
        expected = logits_in_steps(model.network, ids, [NUM_TOKENS], adapter=adapter)
    np.testing.assert_allclose(theirs(tmp_path / "merged", ids), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("tensors", "complaint"),
    [
        ({"rope_freqs.weight": np.ones(8, np.float32)}, "stretches its frequencies"),
        ({"blk.0.attn_q.bias": np.ones(64, np.float32)}, "biases for attn_q"),
    ],
)
def test_what_a_config_cannot_say_is_refused(tensors, complaint, rng, tmp_path):
    with load_model(write_tiny_model(tmp_path / "base.gguf", replaced=tensors)) as model:
        with pytest.raises(UnsupportedModelError, match=complaint):
            merge_to_safetensors(model, adapter_for(model, rng), tmp_path / "merged")
        with pytest.raises(ValueError, match="'Q8_0' is no type of a checkpoint"):
            merge_to_safetensors(model, adapter_for(model, rng), tmp_path / "merged", format="Q8_0")
    assert not (tmp_path / "merged").exists()
