"""Packed token masks."""

import numpy as np
import pytest

from runtime.sampling.mask import allowed_token_ids, apply_mask


def packed(ids: list[int], vocab_size: int) -> np.ndarray:
    words = [0] * -(-vocab_size // 32)
    for i in ids:
        words[i // 32] |= 1 << i % 32
    return np.array(words, np.uint32)


@pytest.mark.parametrize("vocab_size", [1, 31, 32, 33, 151_936])
def test_bits_are_read_where_they_were_packed(vocab_size: int, rng: np.random.Generator) -> None:
    ids = sorted({0, vocab_size - 1, *rng.integers(0, vocab_size, size=100).tolist()})
    assert allowed_token_ids(packed(ids, vocab_size), vocab_size).tolist() == ids


def test_bits_past_the_vocabulary_are_not_read() -> None:
    assert allowed_token_ids(np.array([0xFFFFFFFF], np.uint32), 5).tolist() == [0, 1, 2, 3, 4]


def test_what_lies_beyond_a_short_mask_is_blocked() -> None:
    assert allowed_token_ids(packed([3], 32), 100).tolist() == [3]


def test_blocked_tokens_are_at_minus_infinity(rng: np.random.Generator) -> None:
    logits = rng.normal(size=70).astype(np.float32)
    masked = apply_mask(logits, packed([2, 69], 70))
    assert np.flatnonzero(np.isfinite(masked)).tolist() == [2, 69]
    assert masked[69] == logits[69]


def test_a_mask_of_another_vocabulary_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 2 words"):
        allowed_token_ids(np.zeros(3, np.uint32), 64)


def test_a_mask_of_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match="int32"):
        allowed_token_ids(np.zeros(2, np.int32), 64)
