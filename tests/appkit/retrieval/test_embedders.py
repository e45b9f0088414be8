"""Tests of `appkit.retrieval.embedders`: recognising an embedder, choosing one."""

import numpy as np
import pytest

from appkit.errors import RetrievalError
from appkit.retrieval.embedders import choose_embedder, chunk_tokens, embed_checked, identify, token_counter
from tests.helpers.tiny_embedder import TinyEmbedder

ENGLISH = "The pump in the cellar was installed in 2019 and is checked every spring by the man next door."
CHINESE = "地下室的水泵是二〇一九年安装的，保修期是两年。"


def test_an_embedder_is_recognised_by_its_vectors_alone() -> None:
    one = identify(TinyEmbedder(name="a"))
    assert one.is_same(identify(TinyEmbedder(name="b")))
    assert not one.is_same(identify(TinyEmbedder(name="a", seed=1)))
    assert not one.is_same(identify(TinyEmbedder(name="a", dim=32)))


def test_rounding_errors_do_not_make_another_embedder() -> None:
    class Rounding(TinyEmbedder):
        def embed(self, texts: object, kind: object = "document") -> np.ndarray:
            return super().embed(texts) + np.float32(1e-5)  # type: ignore[arg-type]

    assert identify(TinyEmbedder()).is_same(identify(Rounding()))


@pytest.mark.parametrize("wrong", [np.full((1, 64), np.nan), np.ones((1, 63)), np.ones((2, 64)), np.ones(64)])
def test_vectors_that_would_spoil_an_index_are_refused(wrong: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TinyEmbedder, "embed", lambda *_: wrong)
    with pytest.raises(RetrievalError, match=r"'tiny' gave vectors of shape .* \(1, 64\) finite ones are needed"):
        embed_checked(TinyEmbedder(), ["a"], "document")


def test_the_multilingual_embedder_is_chosen_unless_all_is_english() -> None:
    assert choose_embedder([ENGLISH, ENGLISH]) == "minilm-l6"
    assert choose_embedder([ENGLISH, CHINESE]) == "e5-small-multilingual"


def test_chunks_fit_the_embedder() -> None:
    assert chunk_tokens(TinyEmbedder(max_seq_len=512)) == 256
    assert chunk_tokens(TinyEmbedder(max_seq_len=128)) == 112


def test_tokens_are_estimated_where_the_embedder_does_not_count() -> None:
    count = token_counter(object())  # type: ignore[arg-type]
    assert (count("abcdefgh"), count("水泵"), count("水泵 abc"), count("")) == (2, 2, 3, 0)
