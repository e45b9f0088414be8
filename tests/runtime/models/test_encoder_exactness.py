"""Hidden states and sentence vectors equal transformers' BertModel from the same weights in float32."""

import numpy as np
import pytest

from runtime.kernels.registry import available_backends
from runtime.loaders.gguf import GGUFFile
from runtime.tokenizer.build import build_tokenizer
from tests.helpers.decoding import load_encoder
from tests.helpers.real_models import real_model
from tests.helpers.tiny_model import write_tiny_model

pytest.importorskip("transformers", reason="the oracle is transformers on torch: make test installs both")
oracle = pytest.importorskip("tests.helpers.transformers_model")

BACKENDS = available_backends("packed_attention")
TEXTS = (
    "query: how do I change the oil filter?",
    "A short one.",
    "水泵的保修期是多久？保修两年，自购买之日起计算。",
    "The quick brown fox jumps over the lazy dog. " * 12,
)
LEAST_COSINE = 0.99999


@pytest.mark.parametrize("backend", BACKENDS)
def test_tiny_encoder_equals_transformers(backend, rng, tmp_path):
    path = write_tiny_model(tmp_path / "tiny.gguf", "bert")
    texts = [rng.integers(0, 60, length).tolist() for length in (23, 1, 150)]
    states = packed_states(load_encoder(path, backend), texts)
    model = oracle.transformers_encoder(path)
    for ours, ids in zip(states, texts, strict=True):
        np.testing.assert_allclose(ours, oracle.hidden_states_of(model, ids), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["minilm-l6", pytest.param("e5-small-multilingual", marks=pytest.mark.slow)])
@pytest.mark.parametrize("backend", BACKENDS)
def test_sentence_vectors_equal_transformers(name, backend):
    path = real_model(name)
    with GGUFFile.open(path) as file:
        tokenizer = build_tokenizer(file.metadata)
    texts = [tokenizer.encode(text, add_special=True) for text in TEXTS]
    states = packed_states(load_encoder(path, backend), texts)
    model = oracle.transformers_encoder(path)
    for ours, ids in zip(states, texts, strict=True):
        assert unit_mean(ours) @ unit_mean(oracle.hidden_states_of(model, ids)) >= LEAST_COSINE


def packed_states(encoder, texts: list[list[int]]) -> list[np.ndarray]:
    """Hidden states of every text, all computed in one batch."""
    starts = np.cumsum([0, *(len(ids) for ids in texts)]).astype(np.int32)
    states = encoder.forward(np.concatenate(texts).astype(np.int32), starts)
    return np.split(states, starts[1:-1])


def unit_mean(states: np.ndarray) -> np.ndarray:
    mean = states.mean(axis=0, dtype=np.float64)
    return mean / np.linalg.norm(mean)
