"""Texts become unit vectors, in order, whole or not at all."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from runtime.embedding.embed import batches, embed_batch, encode_texts
from runtime.engine.engine import Engine
from runtime.engine.requests import Request
from runtime.errors import EngineClosedError, ModelRuntimeError, SequenceTooLongError, UnsupportedModelError
from runtime.loaders.load import Model, load_model
from tests.helpers.real_models import real_model
from tests.helpers.tiny_model import CONTEXT_LEN, write_tiny_model

TEXTS = ["the cat sat on the mat.", "a dog ran far away", "x", "", "the dog sat " * 40]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    path = write_tiny_model(tmp_path_factory.mktemp("models") / "bert.gguf", "bert")
    with load_model(path, num_threads=1) as model:
        yield model


@pytest.fixture
def engine(model: Model) -> Iterator[Engine]:
    with Engine(model) as engine:
        yield engine


def test_vectors_have_length_one_and_the_order_of_the_texts(engine: Engine) -> None:
    vectors = engine.embed(TEXTS)
    assert (vectors.shape, vectors.dtype) == ((len(TEXTS), engine.model.config.hidden_size), np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)
    for text, vector in zip(TEXTS, vectors, strict=True):
        np.testing.assert_array_equal(engine.embed([text])[0], vector)  # alone or in company: the same bits


def test_mean_pooling_equals_the_mean_by_hand(engine: Engine, model: Model) -> None:
    input_ids = model.tokenizer.encode(TEXTS[0], add_special=True)
    hidden = model.network.forward(np.array(input_ids, np.int32), np.array([0, len(input_ids)], np.int32))  # type: ignore[call-arg]
    mean = hidden.astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(engine.embed([TEXTS[0]])[0], mean / np.linalg.norm(mean), atol=1e-6)


def test_cls_pooling_takes_the_first_token(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "cls.gguf", "bert", metadata={"bert.pooling_type": 2})
    with load_model(path, num_threads=1) as model, Engine(model) as engine:
        input_ids = model.tokenizer.encode(TEXTS[0], add_special=True)
        hidden = model.network.forward(np.array(input_ids, np.int32), np.array([0, len(input_ids)], np.int32))  # type: ignore[call-arg]
        np.testing.assert_allclose(engine.embed([TEXTS[0]])[0], hidden[0] / np.linalg.norm(hidden[0]), atol=1e-6)


def test_a_text_over_the_limit_is_named_with_both_numbers(engine: Engine) -> None:
    fits, too_long = "x " * (CONTEXT_LEN - 2), "x " * (CONTEXT_LEN - 1)
    assert engine.embed([fits]).shape[0] == 1
    with pytest.raises(SequenceTooLongError, match=r"texts\[1\] has 513 tokens and the embedder sees 512") as caught:
        engine.embed([fits, too_long])
    assert (caught.value.num_tokens, caught.value.limit) == (513, 512)


def test_the_prefix_of_the_kind_counts(model: Model) -> None:
    prefixes = {"query": "a ", "document": ""}
    (query,) = encode_texts(["cat"], "query", model.tokenizer, prefixes, 8)
    assert query == model.tokenizer.encode("a cat", add_special=True)
    (document,) = encode_texts(["cat"], "document", model.tokenizer, prefixes, 8)
    assert document == model.tokenizer.encode("cat", add_special=True)


def test_mistakes_of_the_caller_are_refused(engine: Engine) -> None:
    with pytest.raises(TypeError, match="give a list of texts"):
        engine.embed("one text")
    with pytest.raises(TypeError, match=r"texts\[1\] is of type bytes"):
        engine.embed(["a", b"b"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="kind is 'passage'"):
        engine.embed(["a"], kind="passage")  # type: ignore[arg-type]


def test_no_texts_give_no_vectors(engine: Engine) -> None:
    assert engine.embed([]).shape == (0, engine.model.config.hidden_size)


def test_an_embedder_completes_and_scores_nothing(engine: Engine) -> None:
    with pytest.raises(UnsupportedModelError, match="completes no text"):
        engine.submit(Request(prompt_ids=(1,)))
    with pytest.raises(UnsupportedModelError, match="completes no text"):
        engine.score([1], [2])
    assert engine.stats().num_pages == 0


def test_a_closed_engine_embeds_nothing(model: Model) -> None:
    engine = Engine(model)
    engine.close()
    with pytest.raises(EngineClosedError):
        engine.embed(["a"])


def test_a_vector_without_direction_is_an_error(tmp_path: Path) -> None:
    zero = np.zeros(64, np.float32)
    replaced = {"blk.1.layer_output_norm.weight": zero, "blk.1.layer_output_norm.bias": zero}
    path = write_tiny_model(tmp_path / "zero.gguf", "bert", replaced=replaced)
    with (
        load_model(path, num_threads=1) as model,
        Engine(model) as engine,
        pytest.raises(ModelRuntimeError, match="without a direction"),
    ):
        engine.embed(["a"])


def test_batches_keep_order_and_budget() -> None:
    encoded = [[1] * length for length in (3, 4, 9, 1, 1, 1)]
    assert [[len(ids) for ids in batch] for batch in batches(encoded, max_tokens=8)] == [[3, 4], [9], [1, 1, 1]]
    assert list(batches([])) == []


def test_embed_batch_divides_a_batch_as_it_was_packed(model: Model) -> None:
    encoded = encode_texts(TEXTS, "document", model.tokenizer, {}, CONTEXT_LEN)
    together = embed_batch(model.network, encoded)  # type: ignore[arg-type]
    apart = np.concatenate([embed_batch(model.network, [ids]) for ids in encoded])  # type: ignore[arg-type]
    np.testing.assert_array_equal(together, apart)


def test_minilm_puts_what_belongs_together_together() -> None:
    with load_model(real_model("minilm-l6"), num_threads=1) as model, Engine(model) as engine:
        pump, valve, cat = engine.embed(["How do I repair a pump?", "Fixing broken pumps", "My cat sleeps all day"])
        assert pump @ valve > 0.6 > 0.3 > pump @ cat
