"""Penalties and biases: against transformers where it has them, by hand where it has not."""

import numpy as np
import pytest

from runtime.sampling.penalties import TokenCounts, add_bias_, penalize_counts_, penalize_repetition_

VOCAB_SIZE = 151_936


@pytest.mark.parametrize("penalty", [0.5, 1.1, 1.8])
def test_repetition_penalty_equals_transformers(penalty: float, rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    process = pytest.importorskip("transformers.generation.logits_process")
    logits = rng.normal(size=VOCAB_SIZE).astype(np.float32)
    seen = rng.integers(0, VOCAB_SIZE, size=2000)
    theirs = process.RepetitionPenaltyLogitsProcessor(penalty)(
        torch.from_numpy(seen)[None], torch.from_numpy(logits.copy())[None]
    )[0]
    penalize_repetition_(logits, TokenCounts(seen.tolist()).ids, penalty)
    assert np.array_equal(logits, theirs.numpy())


def test_logit_bias_equals_transformers(rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    process = pytest.importorskip("transformers.generation.logits_process")
    logits = rng.normal(size=VOCAB_SIZE).astype(np.float32)
    biases = {7: 2.5, 151_935: -1.25, 40_000: float("-inf")}
    theirs = process.SequenceBiasLogitsProcessor({(i,): bias for i, bias in biases.items()})(
        torch.zeros((1, 1), dtype=torch.long), torch.from_numpy(logits.copy())[None]
    )[0]
    add_bias_(logits, biases)
    assert np.array_equal(logits, theirs.numpy())


def test_presence_and_frequency_count_the_completion() -> None:
    logits = np.zeros(5, np.float32)
    penalize_counts_(logits, TokenCounts([1, 3, 3, 3]), presence=0.5, frequency=0.25)
    assert logits.tolist() == [0, -0.75, 0, -1.25, 0]


def test_counts_grow_past_their_first_arrays(rng: np.random.Generator) -> None:
    drawn = rng.integers(0, 500, size=3000)
    counts = TokenCounts(drawn.tolist())
    ids, expected = np.unique(drawn, return_counts=True)
    order = np.argsort(counts.ids)
    assert np.array_equal(counts.ids[order], ids)
    assert np.array_equal(counts.counts[order], expected)


def test_nothing_seen_changes_nothing(rng: np.random.Generator) -> None:
    logits = rng.normal(size=10).astype(np.float32)
    before = logits.copy()
    penalize_repetition_(logits, TokenCounts().ids, 2.0)
    penalize_counts_(logits, TokenCounts(), 1.0, 1.0)
    add_bias_(logits, {})
    assert np.array_equal(logits, before)
