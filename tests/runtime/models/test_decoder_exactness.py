"""Logits and greedy text equal transformers' from the same weights in float32."""

import functools

import numpy as np
import pytest

from runtime.kernels.registry import available_backends
from runtime.loaders.gguf import GGUFFile
from runtime.tokenizer.build import build_tokenizer
from tests.helpers.decoding import greedy_ids, load_decoder, logits_in_steps
from tests.helpers.real_models import real_model
from tests.helpers.tiny_model import DECODERS, WINDOW, tiny_metadata, write_tiny_model

pytest.importorskip("transformers", reason="the oracle is transformers on torch: make test installs both")
oracle = pytest.importorskip("tests.helpers.transformers_model")

BACKENDS = available_backends("quant_matmul")
TINY_TOLERANCE = 1e-4  # absolute; logits reach about 5, and differences come from the order of float32 sums alone
REAL_TOLERANCE = 1e-3  # of the largest logit, over 18 to 30 layers
NUM_TOKENS = 210  # past the sliding window and past one page chunk boundary

assert NUM_TOKENS > WINDOW


@pytest.fixture
def input_ids(rng):
    return rng.integers(0, len(tiny_metadata("llama")["tokenizer.ggml.tokens"]), NUM_TOKENS).astype(np.int32)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("architecture", DECODERS)
@pytest.mark.parametrize("step_lens", [[NUM_TOKENS], [37, 1, 90, 1, 81]], ids=["at once", "chunked"])
def test_tiny_decoder_equals_transformers(architecture, backend, step_lens, input_ids, tmp_path):
    path = write_tiny_model(tmp_path / "tiny.gguf", architecture)
    logits = logits_in_steps(load_decoder(path, backend), input_ids, step_lens)
    assert_logits_equal(logits, path, input_ids)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("architecture", DECODERS)
def test_tiny_decoder_equals_transformers_one_token_at_a_time(architecture, backend, input_ids, tmp_path):
    path = write_tiny_model(tmp_path / "tiny.gguf", architecture)
    logits = logits_in_steps(load_decoder(path, backend), input_ids, [1] * NUM_TOKENS)
    assert_logits_equal(logits, path, input_ids)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("architecture", DECODERS)
def test_tiny_decoder_continues_greedily_as_transformers_does(architecture, backend, tmp_path):
    path = write_tiny_model(tmp_path / "tiny.gguf", architecture)
    prompt_ids = [3, 250, 17, 90, 4, 4, 81]
    expected = oracle.greedy_ids_of(oracle.transformers_decoder(path), prompt_ids, 64)
    assert greedy_ids(load_decoder(path, backend), prompt_ids, 64) == expected


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("architecture", ["llama", "gemma3"])
def test_linear_rope_scaling_equals_transformers(architecture, backend, input_ids, tmp_path):
    scaling = {f"{architecture}.rope.scaling.type": "linear", f"{architecture}.rope.scaling.factor": 4.0}
    path = write_tiny_model(tmp_path / "tiny.gguf", architecture, metadata=scaling)
    assert_logits_equal(logits_in_steps(load_decoder(path, backend), input_ids, [NUM_TOKENS]), path, input_ids)


@pytest.mark.parametrize("backend", BACKENDS)
def test_llama3_frequency_factors_equal_transformers(backend, input_ids, tmp_path):
    factors = oracle.llama3_freq_factors(base=10_000.0, dim=16)
    path = write_tiny_model(tmp_path / "tiny.gguf", replaced={"rope_freqs.weight": factors})
    assert not np.allclose(factors, 1)
    assert_logits_equal(logits_in_steps(load_decoder(path, backend), input_ids, [NUM_TOKENS]), path, input_ids)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_head_of_its_own_equals_transformers(backend, input_ids, tmp_path):
    path = write_tiny_model(tmp_path / "tiny.gguf", "qwen2", tied_head=False)
    assert_logits_equal(logits_in_steps(load_decoder(path, backend), input_ids, [NUM_TOKENS]), path, input_ids)


@pytest.mark.parametrize("backend", BACKENDS)
def test_biases_that_a_llama_file_happens_to_carry_equal_transformers(backend, input_ids, rng, tmp_path):
    sizes = {"attn_q": 64, "attn_k": 32, "attn_v": 32, "attn_output": 64}
    biases = {
        f"blk.{layer}.{name}.bias": rng.standard_normal(size, np.float32)
        for layer in range(2)
        for name, size in sizes.items()
    }
    path = write_tiny_model(tmp_path / "tiny.gguf", replaced=biases)
    assert_logits_equal(logits_in_steps(load_decoder(path, backend), input_ids, [NUM_TOKENS]), path, input_ids)


@pytest.mark.parametrize("backend", BACKENDS)
def test_gemma3_without_a_stated_pattern_has_every_sixth_layer_global(backend, input_ids, tmp_path):
    keys = {"gemma3.attention.sliding_window_pattern": None, "gemma3.block_count": 7}
    path = write_tiny_model(tmp_path / "tiny.gguf", "gemma3", metadata=keys)
    decoder = load_decoder(path, backend)
    assert decoder.config.layer_windows == (WINDOW,) * 5 + (None, WINDOW)
    assert_logits_equal(logits_in_steps(decoder, input_ids, [NUM_TOKENS]), path, input_ids)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("format", ["Q8_0", "Q4_1", "F16"])
def test_quantised_weights_equal_transformers_on_the_same_weights_dequantised(format, backend, input_ids, tmp_path):
    path = write_tiny_model(tmp_path / "tiny.gguf", "qwen3", format=format)
    assert_logits_equal(logits_in_steps(load_decoder(path, backend), input_ids, [NUM_TOKENS]), path, input_ids)


def test_smollm2_starts_as_transformers_does():
    check_real_model("smollm2-135m", BACKENDS[0], [24, 1, 7])


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["smollm2-135m", "gemma3-270m"])
@pytest.mark.parametrize("step_lens", [[260], [130, 1, 30, 1, 98], [1] * 260], ids=["at once", "chunked", "stepwise"])
def test_real_model_equals_transformers(name, backend, step_lens):
    check_real_model(name, backend, step_lens)


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["smollm2-135m", "gemma3-270m"])
def test_real_model_continues_greedily_as_transformers_does(name, backend):
    prompt_ids = real_ids(name, 40)
    expected = oracle.greedy_ids_of(real_oracle(name), prompt_ids, 64)
    assert greedy_ids(load_decoder(real_model(name), backend), prompt_ids, 64) == expected


def real_ids(name: str, num_tokens: int) -> list[int]:
    """Ids of English prose, so that the model works where it was trained."""
    with GGUFFile.open(real_model(name)) as file:
        tokenizer = build_tokenizer(file.metadata)
    text = (
        "The lighthouse had stood on the cliff for two hundred years. Every evening at dusk the keeper climbed the "
        "narrow stairs, trimmed the lamp, and wrote the weather in a book: wind from the west, rain before midnight, "
        "three ships passing north. "
    )
    ids = tokenizer.encode(text * 8, add_special=True)
    assert len(ids) >= num_tokens
    return ids[:num_tokens]


@functools.lru_cache(maxsize=2)
def real_oracle(name: str):
    """Filled once for all tests of this file."""
    return oracle.transformers_decoder(real_model(name))


def check_real_model(name: str, backend: str, step_lens: list[int]) -> None:
    ids = real_ids(name, sum(step_lens))
    expected = oracle.logits_of(real_oracle(name), ids)
    logits = logits_in_steps(load_decoder(real_model(name), backend), ids, step_lens)
    assert np.abs(logits - expected).max() <= REAL_TOLERANCE * np.abs(expected).max()


def assert_logits_equal(logits: np.ndarray, path, input_ids: np.ndarray) -> None:
    expected = oracle.logits_of(oracle.transformers_decoder(path), input_ids)
    assert np.abs(expected).max() > 1  # the weights make a difference
    np.testing.assert_allclose(logits, expected, rtol=0, atol=TINY_TOLERANCE)
