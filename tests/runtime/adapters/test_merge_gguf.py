"""A merged model file: alone it does what the adapter does beside its base, and the report says what rounding took."""

import numpy as np
import pytest

from runtime.adapters.merge import compare_logits
from runtime.adapters.merge_gguf import merge_to_gguf
from runtime.errors import AdapterError
from runtime.layers.lora import LoraMatrices, LoraWeights
from runtime.loaders.gguf import GGUFFile
from runtime.loaders.load import load_model
from tests.helpers.decoding import logits_in_steps
from tests.helpers.tiny_model import DECODERS, write_tiny_model

NUM_TOKENS = 40


def adapter_for(model, rng: np.random.Generator, *, size: float = 0.3, has_magnitude: bool = False) -> LoraWeights:
    modules = {}
    for name, weight in model.network.linears.items():
        num_outputs, num_inputs = weight.shape
        magnitude = rng.uniform(0.5, 1.5, num_outputs).astype(np.float32) if has_magnitude else None
        a = np.float32(size) * rng.standard_normal((2, num_inputs), np.float32)
        b = np.float32(size) * rng.standard_normal((num_outputs, 2), np.float32)
        modules[name] = LoraMatrices(a, b, 0.5, magnitude)
    return LoraWeights(modules)


@pytest.mark.parametrize("has_magnitude", [False, True], ids=["lora", "dora"])
@pytest.mark.parametrize("architecture", DECODERS)
def test_float_weights_merge_without_loss(architecture, has_magnitude, rng, tmp_path):
    ids = rng.integers(0, 288, NUM_TOKENS)
    with load_model(write_tiny_model(tmp_path / "base.gguf", architecture)) as model:
        adapter = adapter_for(model, rng, has_magnitude=has_magnitude)
        report = merge_to_gguf(model, adapter, tmp_path / "merged.gguf")
        expected = logits_in_steps(model.network, ids, [NUM_TOKENS], adapter=adapter)
        plain = logits_in_steps(model.network, ids, [NUM_TOKENS])
    with load_model(report.path) as merged:
        found = logits_in_steps(merged.network, ids, [NUM_TOKENS])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
    assert np.abs(plain - expected).max() > 0.1
    assert report.lost == 0
    assert {drift.module for drift in report.modules} == set(adapter.modules)


@pytest.mark.parametrize("tied_head", [True, False])
def test_everything_else_stays_byte_for_byte(tied_head, rng, tmp_path):
    path = write_tiny_model(tmp_path / "base.gguf", "qwen2", format="Q8_0", tied_head=tied_head)
    with load_model(path) as model:
        adapter = LoraWeights({"blk.1.ffn_up": adapter_for(model, rng).modules["blk.1.ffn_up"]})
        merge_to_gguf(model, adapter, tmp_path / "merged.gguf")
    with GGUFFile.open(path) as base, GGUFFile.open(tmp_path / "merged.gguf") as merged:
        assert list(merged.tensors) == list(base.tensors)
        assert ("output.weight" in merged.tensors) is not tied_head
        changed = [name for name in base.tensors if not np.array_equal(base.data(name), merged.data(name))]
        assert changed == ["blk.1.ffn_up.weight"]
        assert dict(merged.value_types) == dict(base.value_types)
        for key, value in base.metadata.items():
            same = (
                list(merged.metadata[key]) == list(value)
                if hasattr(value, "__len__")
                else merged.metadata[key] == value
            )
            assert same, key


def test_the_report_is_what_rounding_took(rng, tmp_path):
    path = write_tiny_model(tmp_path / "base.gguf", "llama", format="Q4_0")
    ids = rng.integers(0, 288, NUM_TOKENS).astype(np.int32)
    with load_model(path) as model, GGUFFile.open(path) as base:
        adapter = adapter_for(model, rng)
        kept = merge_to_gguf(model, adapter, tmp_path / "kept.gguf")
        finer = merge_to_gguf(model, adapter, tmp_path / "finer.gguf", format="Q8_0")
        with GGUFFile.open(kept.path) as file:
            for drift in kept.modules:
                name = f"{drift.module}.weight"
                merged = adapter.modules[drift.module].merged_into(base.array(name))
                assert drift.error == pytest.approx(np.linalg.norm(file.array(name) - merged))
                assert drift.change == pytest.approx(np.linalg.norm(merged - base.array(name)))
        assert {drift.format for drift in kept.modules} == {"Q4_0"}
        assert 0 < finer.lost < kept.lost / 8 < 1  # four more bits
        with load_model(kept.path) as coarse, load_model(finer.path) as fine:
            drifts = [compare_logits(model, adapter, other, ids) for other in (coarse, fine)]
    assert drifts[1].max_difference < drifts[0].max_difference / 4
    assert drifts[1].mean_kl < drifts[0].mean_kl
    assert 0 <= drifts[0].num_same <= drifts[1].num_same <= drifts[1].num_tokens == NUM_TOKENS


def test_comparing_a_model_with_itself_finds_nothing(rng, tmp_path):
    with load_model(write_tiny_model(tmp_path / "base.gguf")) as model:
        nothing = LoraWeights({})
        drift = compare_logits(model, nothing, model, rng.integers(0, 288, 20).astype(np.int32))
    assert (drift.max_difference, drift.mean_kl, drift.num_same) == (0, 0, 20)


def test_the_base_s_own_file_is_not_written_over(rng, tmp_path):
    with load_model(write_tiny_model(tmp_path / "base.gguf")) as model:
        (tmp_path / "link.gguf").symlink_to(model.path)
        for path in (model.path, tmp_path / "link.gguf"):
            with pytest.raises(ValueError, match="the base model's own file"):
                merge_to_gguf(model, adapter_for(model, rng), path)


def test_formats_that_cannot_be_written_are_named(rng, tmp_path):
    with load_model(write_tiny_model(tmp_path / "base.gguf")) as model:
        with pytest.raises(ValueError, match=r"'Q9' cannot be written; choose from F32, F16"):
            merge_to_gguf(model, adapter_for(model, rng), tmp_path / "x.gguf", format="Q9")
        with pytest.raises(AdapterError, match=r"attn_q\.weight with the adapter cannot be stored.*256"):
            merge_to_gguf(model, adapter_for(model, rng), tmp_path / "x.gguf", format="Q4_K")
        wrong = LoraWeights(
            {"blk.9.attn_q": LoraMatrices(np.ones((1, 2), np.float32), np.ones((2, 1), np.float32), 1.0)}
        )
        with pytest.raises(AdapterError, match=r"blk\.9\.attn_q, which this model does not have"):
            merge_to_gguf(model, wrong, tmp_path / "x.gguf")
        with pytest.raises(FileNotFoundError, match="no such folder"):
            merge_to_gguf(model, adapter_for(model, rng), tmp_path / "nowhere" / "x.gguf")
    assert not (tmp_path / "x.gguf").exists()
