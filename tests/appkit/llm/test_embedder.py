"""The local embedder on a tiny encoder."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from appkit import CapabilityError, LocalEmbedder
from tests.helpers.tiny_model import write_tiny_model


@pytest.fixture
def embedder(tmp_path: Path) -> Iterator[LocalEmbedder]:
    with LocalEmbedder(write_tiny_model(tmp_path / "bert.gguf", "bert"), num_threads=1) as embedder:
        yield embedder


def test_rows_have_length_one_and_stay_in_order(embedder: LocalEmbedder) -> None:
    together = embedder.embed(["the cat sat", "a dog ran far away"])
    assert together.shape == (2, embedder.dim)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(together[1], embedder.embed(["a dog ran far away"])[0], atol=1e-5)


def test_no_texts_give_no_rows(embedder: LocalEmbedder) -> None:
    assert embedder.embed([]).shape == (0, embedder.dim)


def test_a_single_text_is_a_mistake(embedder: LocalEmbedder) -> None:
    with pytest.raises(TypeError, match="list of texts"):
        embedder.embed("the cat")


def test_a_model_that_writes_makes_no_vectors(tmp_path: Path) -> None:
    with pytest.raises(CapabilityError, match="makes no vectors"):
        LocalEmbedder(write_tiny_model(tmp_path / "llama.gguf"), num_threads=1)
