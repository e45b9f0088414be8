"""Log-probabilities."""

import numpy as np
import pytest

from runtime.sampling.logprobs import token_logprobs


def test_logprobs_equal_a_log_softmax_in_double_precision(rng: np.random.Generator) -> None:
    logits = (rng.normal(size=151_936) * 4).astype(np.float32)
    exact = logits.astype(np.float64) - np.log(np.exp(logits.astype(np.float64)).sum())
    result = token_logprobs(logits, 77, 20)
    assert result.chosen == pytest.approx(exact[77], abs=1e-6)
    assert [i for i, _ in result.top] == np.argsort(-logits)[:20].tolist()
    assert [logprob for _, logprob in result.top] == pytest.approx(np.sort(exact)[::-1][:20], abs=1e-6)


def test_equal_tokens_are_listed_by_id() -> None:
    result = token_logprobs(np.array([1, 2, 2, 0, 2], np.float32), 3, 2)
    assert [i for i, _ in result.top] == [1, 2]


@pytest.mark.parametrize(("asked", "given"), [(0, 0), (3, 3), (20, 5)])
def test_no_more_are_listed_than_there_are(asked: int, given: int) -> None:
    assert len(token_logprobs(np.arange(5, dtype=np.float32), 0, asked).top) == given


def test_large_logits_do_not_overflow() -> None:
    assert token_logprobs(np.array([1e4, 1e4], np.float32), 0, 0).chosen == pytest.approx(np.log(0.5))
