"""From metadata to a config, and what is said where that cannot be."""

import math
from pathlib import Path

import numpy as np
import pytest

from runtime.errors import CorruptFileError, LoadError, UnsupportedModelError
from runtime.models.registry import DESCRIPTIONS, build_config
from tests.helpers.tiny_model import DECODERS, WINDOW, tiny_metadata

PATH = Path("some.gguf")


def config_of(architecture: str = "llama", **changes: object):
    """The config of a tiny model with some keys changed; `__` stands for a dot, None removes the key."""
    name = "llama" if architecture == "mistral" else architecture
    keys = tiny_metadata(architecture)
    for key, value in changes.items():
        keys[f"{name}.{key.replace('__', '.')}"] = value
    return build_config({key: value for key, value in keys.items() if value is not None}, PATH)


@pytest.mark.parametrize("architecture", DECODERS)
def test_a_decoder_is_described(architecture):
    config = config_of(architecture)
    assert (config.kind, config.num_heads, config.num_kv_heads, config.vocab_size) == ("decoder", 4, 2, 288)
    assert config.attention_scale == pytest.approx(1 / math.sqrt(config.head_dim))


def test_what_differs_is_what_each_architecture_says():
    assert config_of("llama").rope.interleaved and not config_of("qwen2").rope.interleaved
    assert config_of("qwen2").has_qkv_bias and not config_of("qwen3").has_qkv_bias
    assert config_of("qwen3").has_qk_norm and not config_of("qwen3").has_post_norms
    assert config_of("mistral").layer_windows == (WINDOW, WINDOW)
    assert config_of("llama").layer_windows == ()


def test_gemma3_scales_embeddings_and_rotates_local_layers_by_their_own_base():
    config = config_of("gemma3")
    assert (config.embedding_scale, config.activation) == (8.0, "gelu_tanh")
    assert (config.rope_for(0).base, config.rope_for(1).base) == (10_000.0, 1_000_000.0)
    assert config.has_qk_norm and config.has_post_norms


def test_gemma3_local_layers_are_not_scaled():
    config = config_of("gemma3", rope__scaling__type="linear", rope__scaling__factor=8.0)
    assert (config.rope_for(0).position_scale, config.rope_for(1).position_scale) == (1.0, 8.0)


def test_gemma3_reads_a_pattern_given_layer_by_layer():
    config = config_of("gemma3", attention__sliding_window_pattern=np.array([False, True]))
    assert config.layer_windows == (None, WINDOW)


def test_a_pattern_for_another_number_of_layers_is_refused():
    with pytest.raises(CorruptFileError, match="describes 3 layers of 2"):
        config_of("gemma3", attention__sliding_window_pattern=np.array([True, True, False]))


def test_bert_is_an_encoder_with_exact_gelu():
    config = config_of("bert")
    assert (config.kind, config.activation, config.rope, config.pooling) == ("encoder", "gelu", None, "mean")


def test_an_unknown_architecture_is_named_with_the_ones_that_work():
    keys = tiny_metadata("llama") | {"general.architecture": "mamba"}
    with pytest.raises(UnsupportedModelError, match=r"some\.gguf holds a 'mamba' model") as caught:
        build_config(keys, PATH)
    assert all(name in str(caught.value) for name in DESCRIPTIONS)
    assert caught.value.path == PATH


@pytest.mark.parametrize("value", [None, 7, ""])
def test_a_file_without_an_architecture_is_refused(value):
    with pytest.raises(CorruptFileError, match=r"general\.architecture"):
        build_config({"general.architecture": value}, PATH)


@pytest.mark.parametrize("key", ["embedding_length", "block_count", "attention__layer_norm_rms_epsilon"])
def test_a_missing_key_is_named(key):
    with pytest.raises(CorruptFileError, match=f"lacks llama.{key.replace('__', '.')}"):
        config_of(**{key: None})


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"attention__head_count": 5}, "64 does not divide into 5 heads"),
        ({"attention__head_count_kv": 3}, "4 query heads cannot share 3 kv heads"),
        ({"attention__head_count": 0}, "num_heads must be positive"),
        ({"attention__head_count_kv": 0}, "num_kv_heads must be positive"),
        ({"block_count": 0}, "num_layers must be positive"),
        ({"context_length": 0}, "max_seq_len must be positive"),
        ({"rope__dimension_count": 7}, "even and positive, got 7"),
        ({"rope__dimension_count": 32}, "32 dimensions does not fit in heads of 16"),
        ({"rope__freq_base": -1.0}, "RoPE base must be a positive number"),
        ({"attention__layer_norm_rms_epsilon": 0.0}, "norm_eps must be a positive number"),
    ],
)
def test_sizes_that_contradict_each_other_are_refused(changes, complaint):
    with pytest.raises(CorruptFileError, match=complaint):
        config_of(**changes)


@pytest.mark.parametrize("value", [math.nan, math.inf, "1e-6", True])
@pytest.mark.parametrize("key", ["attention__layer_norm_rms_epsilon", "rope__freq_base"])
def test_a_float_that_is_no_finite_number_is_refused(key, value):
    with pytest.raises(CorruptFileError, match="must be a finite number"):
        config_of(**{key: value})


@pytest.mark.parametrize("value", [-1, 2**40, 1.5, "2", True])
def test_a_size_that_is_no_sensible_whole_number_is_refused(value):
    with pytest.raises(CorruptFileError, match=r"llama\.embedding_length must be a whole number"):
        config_of(embedding_length=value)


@pytest.mark.parametrize("architecture", ["gemma3", "mistral", "bert"])
def test_an_absurd_layer_count_is_refused_before_anything_is_made_of_it(architecture):
    with pytest.raises(LoadError, match="block_count"):
        config_of(architecture, block_count=2**31 - 1)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"rope__scaling__type": "yarn", "rope__scaling__factor": 4.0}, "llama.rope.scaling.type is 'yarn'"),
        ({"expert_count": 8}, "llama.expert_count is 8"),
        ({"attention__causal": False}, "llama.attention.causal is False"),
        ({"attention__key_length": 16, "attention__value_length": 8}, "llama.attention.value_length is 8"),
        ({"attention__head_count_kv": np.array([2, 1])}, "llama.attention.head_count_kv is"),
    ],
)
def test_what_we_do_not_run_is_refused_by_key_and_value(changes, named):
    with pytest.raises(UnsupportedModelError, match=named):
        config_of(**changes)


def test_a_window_shorter_than_the_context_is_not_silently_ignored():
    with pytest.raises(UnsupportedModelError, match=r"qwen2\.attention\.sliding_window is 100"):
        config_of("qwen2", attention__sliding_window=100)
    assert config_of("qwen2", attention__sliding_window=512).layer_windows == ()


def test_equal_head_counts_given_layer_by_layer_are_read():
    assert config_of(attention__head_count_kv=np.array([2, 2])).num_kv_heads == 2


def test_a_reranker_is_refused_as_an_embedder():
    with pytest.raises(UnsupportedModelError, match=r"bert\.pooling_type is 4"):
        config_of("bert", pooling_type=4)


@pytest.mark.parametrize("scaling", [{"rope__scaling__type": "none"}, {"rope__scaling__factor": 0.0}])
def test_scaling_that_is_switched_off_leaves_positions_alone(scaling):
    assert config_of(**scaling).rope.position_scale == 1.0
