"""Cures for repetition: n-grams against transformers, DRY against its definition read word for word."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.sampling.breakers import breaker_ids
from runtime.sampling.params import SamplingParams
from runtime.sampling.repetition import MAX_MATCH, RULED_OUT, Dry, NGrams
from runtime.sampling.sampler import Sampler
from runtime.tokenizer.base import Tokenizer
from tests.helpers.toy_engine import ToyTokenizer

VOCAB_SIZE = 8
TOKENS = st.lists(st.integers(0, 3), max_size=40)


def ruled_out_by_ngrams(token_ids: list[int], n: int) -> set[int]:
    ngrams = NGrams(n)
    for token_id in token_ids:
        ngrams.add(token_id)
    logits = np.zeros(VOCAB_SIZE, np.float32)
    ngrams.penalize_(logits)
    assert set(logits.tolist()) <= {0.0, -RULED_OUT}
    return set(np.flatnonzero(logits).tolist())


@settings(deadline=None)  # the first example imports the oracle
@given(token_ids=TOKENS, n=st.integers(1, 5))
def test_ngrams_equal_transformers(token_ids: list[int], n: int) -> None:
    torch = pytest.importorskip("torch", reason="transformers, the oracle, computes with it")
    process = pytest.importorskip("transformers.generation.logits_process", reason="the oracle is transformers")
    ids = torch.tensor([token_ids], dtype=torch.long)
    theirs = process.NoRepeatNGramLogitsProcessor(n)(ids, torch.zeros((1, VOCAB_SIZE)))[0]
    assert ruled_out_by_ngrams(token_ids, n) == set(np.flatnonzero(np.isinf(theirs.numpy())).tolist())


def penalties_by_definition(
    token_ids: list[int], multiplier: float, base: float, allowed_length: int, breakers: set[int]
) -> np.ndarray:
    """For each earlier place that went on, how far back it equals the end; the longest counts for each token."""
    longest: dict[int, int] = {}
    for place in range(len(token_ids) - 1):
        length = 0
        while length <= place and length < MAX_MATCH:
            earlier, late = token_ids[place - length], token_ids[len(token_ids) - 1 - length]
            if earlier != late or late in breakers:
                break
            length += 1
        following = token_ids[place + 1]
        if length and following not in breakers:
            longest[following] = max(longest.get(following, 0), length)
    logits = np.zeros(VOCAB_SIZE, np.float32)
    for token_id, length in longest.items():
        if length >= allowed_length:
            logits[token_id] = -np.float32(min(multiplier * base ** (length - allowed_length), RULED_OUT))
    return logits


@given(
    prompt=TOKENS, completion=TOKENS, base=st.sampled_from([1.0, 1.75, 3.0]), allowed_length=st.integers(1, 4),
    breakers=st.sets(st.integers(0, 3), max_size=2),
)  # fmt: skip
def test_dry_does_what_its_definition_says(
    prompt: list[int], completion: list[int], base: float, allowed_length: int, breakers: set[int]
) -> None:
    dry = Dry(prompt, 0.8, base, allowed_length, breakers)
    for token_id in completion:
        dry.add(token_id)
    logits = np.zeros(VOCAB_SIZE, np.float32)
    dry.penalize_(logits)
    expected = penalties_by_definition([*prompt, *completion], 0.8, base, allowed_length, breakers)
    np.testing.assert_allclose(logits, expected, rtol=1e-6)


def test_a_repeat_as_long_as_a_text_costs_no_more_than_a_ruled_out_token() -> None:
    dry = Dry([1] * 5000, 0.8, 1.75, 2, set())
    logits = np.zeros(VOCAB_SIZE, np.float32)
    dry.penalize_(logits)
    assert logits.tolist() == [0, -RULED_OUT, *[0] * 6]


def loop(**params: float) -> list[int]:
    """What greedy sampling writes where the model likes 1 2 3 1 2 3 … best, and 4 a little less."""
    sampler = Sampler(SamplingParams(temperature=0, **params), (), VOCAB_SIZE)  # type: ignore[arg-type]
    written: list[int] = []
    for _ in range(12):
        logits = np.zeros(VOCAB_SIZE, np.float32)
        logits[{1: 2, 2: 3, 3: 1}.get(written[-1], 1) if written else 1] = 3
        logits[4] = 1
        written.append(sampler.sample(logits))
    return written


def test_a_loop_goes_on_without_a_cure_and_ends_with_one() -> None:
    assert loop() == [1, 2, 3] * 4
    assert loop(no_repeat_ngram=3)[:6] == [1, 2, 3, 1, 2, 4]
    with_dry = loop(dry_multiplier=0.8)
    assert with_dry[:6] == [1, 2, 3, 1, 2, 3] and 4 in with_dry[6:]


def test_a_constraint_that_leaves_one_token_goes_before_the_cures() -> None:
    sampler = Sampler(SamplingParams(temperature=0, no_repeat_ngram=1), (), VOCAB_SIZE)
    only_one = np.array([1 << 1], np.uint32)
    assert [sampler.sample(np.zeros(VOCAB_SIZE, np.float32), only_one) for _ in range(3)] == [1, 1, 1]


def test_n_grams_of_the_prompt_may_come_again() -> None:
    sampler = Sampler(SamplingParams(temperature=0, no_repeat_ngram=2), (1, 2, 1, 2), VOCAB_SIZE)
    liked = np.array([0, 3, 2, 0, 0, 0, 0, 0], np.float32)
    assert sampler.sample(liked) == 1


class TwoBreakers(ToyTokenizer):
    """The toy vocabulary with a token of two line breaks."""

    def token_bytes(self, token_id: int) -> bytes:
        return b"\n\n" if token_id == 3 else b"x"


def test_breakers_are_tokens_with_a_line_break_and_control_tokens() -> None:
    tokenizer: Tokenizer = TwoBreakers()  # type: ignore[assignment]
    assert breaker_ids(tokenizer) == tokenizer.special_ids | {3}
    assert breaker_ids(tokenizer) is breaker_ids(tokenizer)  # read through once
