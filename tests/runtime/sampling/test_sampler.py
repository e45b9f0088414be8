"""The sampler as a whole: its order, its randomness, its errors."""

from typing import Any

import numpy as np
import pytest

from runtime.sampling.filters import keep_min_p, keep_top_k, keep_top_p, scale_temperature, softmax
from runtime.sampling.mask import apply_mask
from runtime.sampling.params import SamplingParams
from runtime.sampling.random import uniform
from runtime.sampling.sampler import Sampler
from tests.runtime.sampling.test_mask import packed


def sampler(vocab_size: int, prompt_ids: tuple[int, ...] = (), **params: Any) -> Sampler:
    return Sampler(SamplingParams(**params), prompt_ids, vocab_size)


def row(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_greedy_takes_the_likeliest() -> None:
    assert sampler(3, temperature=0).sample(row(1, 3, 2)) == 1


def test_greedy_takes_the_smallest_id_of_equals() -> None:
    assert sampler(4, temperature=0).sample(row(1, 3, 3, 2)) == 1


def test_greedy_is_not_narrowed_by_filters_but_by_penalties() -> None:
    tokens = sampler(3, temperature=0, top_k=1, presence_penalty=2.0)
    assert [tokens.sample(row(1, 3, 2)) for _ in range(3)] == [1, 2, 0]


def test_repetition_penalty_sees_prompt_and_completion() -> None:
    tokens = sampler(3, prompt_ids=(1,), temperature=0, repetition_penalty=2.0)
    assert [tokens.sample(row(1.4, 2, 1.1)) for _ in range(3)] == [0, 2, 1]


def test_counting_penalties_do_not_see_the_prompt() -> None:
    assert sampler(3, prompt_ids=(1,), temperature=0, presence_penalty=2.0).sample(row(1, 2, 1)) == 1


def test_bias_is_not_scaled_by_the_penalty() -> None:
    tokens = sampler(2, prompt_ids=(0,), temperature=0, repetition_penalty=10.0, logit_bias={0: 1.5})
    assert tokens.sample(row(1, 1)) == 0  # 1 / 10 + 1.5 > 1, but (1 + 1.5) / 10 < 1


def test_no_bias_overrides_the_mask() -> None:
    assert sampler(3, temperature=0, logit_bias={2: 100.0}).sample(row(1, 2, 3), packed([0, 1], 3)) == 1


def test_tokens_beyond_a_short_mask_are_never_drawn() -> None:
    tokens = sampler(64)
    drawn = {tokens.sample(np.zeros(64, np.float32), packed([1, 2], 32)) for _ in range(50)}
    assert drawn == {1, 2}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    "filters",
    [{}, {"top_k": 40, "top_p": 0.95}, {"top_p": 0.9}, {"min_p": 0.02}, {"top_k": 300, "top_p": 0.8, "min_p": 0.01}],
)
def test_draws_come_from_what_the_filters_leave_on_whole_rows(
    seed: int, masked: bool, filters: dict[str, Any], rng: np.random.Generator
) -> None:
    """The sampler works on gathered candidates; the same filters on all of [1, V] must allow the same draws."""
    size = 5000
    logits = (rng.normal(size=size) * 3).astype(np.float32)
    mask = packed(rng.integers(0, size, size=2000).tolist(), size) if masked else None
    shown = (logits if mask is None else apply_mask(logits, mask))[None]
    kept = scale_temperature(shown - shown.max(), 0.8)
    kept = keep_min_p(
        keep_top_p(keep_top_k(kept, filters.get("top_k", 0)), filters.get("top_p", 1.0)), filters.get("min_p", 0)
    )
    mass = softmax(kept)[0].cumsum()
    tokens = sampler(size, seed=seed, temperature=0.8, **filters)
    for position in range(20):
        expected = int(np.searchsorted(mass, uniform(seed, position) * mass[-1], side="right"))
        assert tokens.sample(logits, mask) == expected


def test_frequencies_follow_the_probabilities() -> None:
    probs = np.array([0.5, 0.3, 0.15, 0.05])
    tokens = sampler(4, seed=5)
    drawn = [tokens.sample(np.log(probs).astype(np.float32)) for _ in range(20_000)]
    counts = np.bincount(drawn, minlength=4)
    assert ((counts - 20_000 * probs) ** 2 / (20_000 * probs)).sum() < 16.3  # 3 degrees of freedom, 1 in 1,000


def test_a_seed_gives_the_same_tokens_again() -> None:
    logits = np.zeros(1000, np.float32)
    first, second, other = sampler(1000, seed=1), sampler(1000, seed=1), sampler(1000, seed=2)
    drawn = [[tokens.sample(logits) for _ in range(20)] for tokens in (first, second, other)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_draw_depends_on_its_position_alone() -> None:
    logits = np.zeros(1000, np.float32)
    stepwise = sampler(1000, seed=1)
    drawn = [stepwise.sample(logits) for _ in range(5)]
    forced = sampler(1000, prompt_ids=(7, 7), seed=1)
    forced.accept(9)
    assert forced.position == 3
    assert forced.sample(logits) == drawn[3]


def test_without_a_seed_one_is_drawn_and_can_be_read() -> None:
    first, second = sampler(10), sampler(10)
    assert first.seed != second.seed
    again = sampler(10, seed=first.seed)
    logits = np.zeros(10, np.float32)
    assert [first.sample(logits) for _ in range(8)] == [again.sample(logits) for _ in range(8)]


def test_logits_are_left_alone(rng: np.random.Generator) -> None:
    logits = rng.normal(size=100).astype(np.float32)
    before = logits.copy()
    sampler(
        100, prompt_ids=(1, 2), repetition_penalty=1.5, presence_penalty=1, logit_bias={3: 1.0}, top_k=5, top_p=0.9
    ).sample(logits, packed([1, 2, 3, 4], 100))
    assert np.array_equal(logits, before)


def test_logprobs_are_of_what_the_model_said() -> None:
    tokens = sampler(2, temperature=0, logit_bias={0: 50.0}, logprobs=1)
    result = tokens.logprobs(np.log(row(0.25, 0.75)), 0)
    assert result.chosen == pytest.approx(np.log(0.25))
    assert result.top == ((1, pytest.approx(np.log(0.75))),)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_name_position_and_token(bad: float) -> None:
    tokens = sampler(3, prompt_ids=(0, 0))
    with pytest.raises(ValueError, match=rf"position 2 are not finite: token 1 has {bad}"):
        tokens.sample(row(1, bad, 2))


@pytest.mark.parametrize("temperature", [0, 1])
def test_a_mask_that_blocks_all_is_an_error(temperature: float) -> None:
    with pytest.raises(ValueError, match="No token may come at position 0"):
        sampler(3, temperature=temperature).sample(row(1, 2, 3), packed([], 3))


def test_biases_that_block_all_are_an_error() -> None:
    with pytest.raises(ValueError, match="No token may come"):
        sampler(2, logit_bias={0: -np.inf, 1: -np.inf}).sample(row(1, 2))


def test_a_failed_sample_counts_nothing() -> None:
    tokens = sampler(2)
    with pytest.raises(ValueError, match="finite"):
        tokens.sample(row(np.nan, 1))
    assert tokens.position == 0


def test_a_bias_on_an_unknown_token_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="logit_bias names token 5"):
        sampler(5, logit_bias={5: 1.0})


@pytest.mark.parametrize("logits", [np.zeros(4, np.float32), np.zeros(3), np.zeros((1, 3), np.float32)])
def test_logits_of_another_shape_or_type_are_refused(logits: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"Logits are \[3\] float32"):
        sampler(3).sample(logits)


@pytest.mark.parametrize("temperature", [1e-30, 1e-3, 100.0])
def test_extreme_temperatures_draw_a_token(temperature: float, rng: np.random.Generator) -> None:
    logits = (rng.normal(size=50) * 10).astype(np.float32)
    tokens = sampler(50, temperature=temperature, top_p=0.9, min_p=0.01)
    drawn = {tokens.sample(logits) for _ in range(20)}
    assert drawn <= set(range(50))
    if temperature < 1:
        assert drawn == {int(logits.argmax())}
