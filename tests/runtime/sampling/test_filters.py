"""Each filter against transformers' own, at the sizes of real vocabularies, with and without equal logits."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from runtime.sampling.filters import (
    entropy,
    keep_min_p,
    keep_top_k,
    keep_top_p,
    keep_typical,
    scale_temperature,
    softmax,
    temperature_by_entropy,
)

VOCAB_SIZES = [49_152, 151_936]


def peaked(rng: np.random.Generator, size: int) -> np.ndarray:
    """Two rows about as spread out as a model's logits."""
    return (rng.normal(size=(2, size)) * 4).astype(np.float32)


def flat(rng: np.random.Generator, size: int) -> np.ndarray:
    return rng.normal(size=(2, size)).astype(np.float32)


def tied(rng: np.random.Generator, size: int) -> np.ndarray:
    """Quarters: thousands of equal logits at every height."""
    return np.round(peaked(rng, size) * 4) / 4


def from_transformers(name: str, logits: np.ndarray, *args: Any) -> np.ndarray:
    torch = pytest.importorskip("torch")
    process = pytest.importorskip("transformers.generation.logits_process")
    warper = getattr(process, name)(*args)
    return np.asarray(warper(torch.zeros((len(logits), 1), dtype=torch.long), torch.from_numpy(logits.copy())))


SHAPES: list[Callable[..., np.ndarray]] = [peaked, flat, tied]


@pytest.mark.parametrize("size", VOCAB_SIZES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("k", [1, 40, 1000])
def test_top_k_equals_transformers(
    size: int, shape: Callable[..., np.ndarray], k: int, rng: np.random.Generator
) -> None:
    logits = shape(rng, size)
    assert np.array_equal(keep_top_k(logits, k), from_transformers("TopKLogitsWarper", logits, k))


@pytest.mark.parametrize("size", VOCAB_SIZES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("min_p", [0.05, 0.3, 1.0])
def test_min_p_equals_transformers(
    size: int, shape: Callable[..., np.ndarray], min_p: float, rng: np.random.Generator
) -> None:
    logits = shape(rng, size)
    assert np.array_equal(keep_min_p(logits, min_p), from_transformers("MinPLogitsWarper", logits, min_p))


@pytest.mark.parametrize("size", VOCAB_SIZES)
@pytest.mark.parametrize("temperature", [0.1, 0.7, 1.0, 5.0])
def test_temperature_equals_transformers(size: int, temperature: float, rng: np.random.Generator) -> None:
    logits = peaked(rng, size)
    expected = from_transformers("TemperatureLogitsWarper", logits, temperature)
    assert np.array_equal(scale_temperature(logits, temperature), expected)


@pytest.mark.parametrize("size", VOCAB_SIZES)
@pytest.mark.parametrize("shape", [peaked, flat])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.95, 0.999])
def test_top_p_equals_transformers(
    size: int, shape: Callable[..., np.ndarray], p: float, rng: np.random.Generator
) -> None:
    logits = shape(rng, size)
    ours, theirs = keep_top_p(logits, p), from_transformers("TopPLogitsWarper", logits, p)
    assert np.isfinite(ours).sum() > 0
    disputed = np.isfinite(ours) != np.isfinite(theirs)
    # transformers adds up in float32, from below: tokens within its rounding of the edge may fall on either side
    edge = np.abs(likelier_mass(logits)[disputed] - p)
    assert np.all(edge < 1e-6)
    assert disputed.sum() <= 8
    assert np.array_equal(ours[~disputed], theirs[~disputed])


@pytest.mark.parametrize("size", VOCAB_SIZES)
@pytest.mark.parametrize("p", [0.1, 0.5, 0.95])
def test_top_p_keeps_as_many_equal_tokens_as_transformers(size: int, p: float, rng: np.random.Generator) -> None:
    logits = tied(rng, size)
    ours, theirs = keep_top_p(logits, p), from_transformers("TopPLogitsWarper", logits, p)
    assert np.abs(np.isfinite(ours).sum(-1) - np.isfinite(theirs).sum(-1)).max() <= 2  # rounding, as above
    floor = ours.min(where=np.isfinite(ours), initial=np.inf, axis=-1, keepdims=True)
    above = logits > floor  # which of the equal ones at the floor stay is free, all else is not
    assert np.array_equal(ours[above], theirs[above])


def likelier_mass(logits: np.ndarray) -> np.ndarray:
    order = np.argsort(-logits, axis=-1, kind="stable")
    probs = np.take_along_axis(softmax(logits), order, axis=-1)
    mass = np.empty_like(probs)
    np.put_along_axis(mass, order, probs.cumsum(axis=-1) - probs, axis=-1)
    return mass


def test_top_p_keeps_smaller_ids_of_equal_tokens() -> None:
    logits = np.log(np.array([[0.1, 0.2, 0.3, 0.2, 0.2]], np.float32))
    assert np.flatnonzero(np.isfinite(keep_top_p(logits, 0.6)[0])).tolist() == [1, 2, 3]


def test_top_p_always_keeps_the_likeliest() -> None:
    logits = np.array([[0.0, 5.0, 1.0]], np.float32)
    assert np.flatnonzero(np.isfinite(keep_top_p(logits, 1e-6)[0])).tolist() == [1]


def test_top_p_of_one_keeps_the_whole_tail(rng: np.random.Generator) -> None:
    logits = peaked(rng, 151_936)
    assert np.array_equal(keep_top_p(logits, 1.0), logits)


@pytest.mark.parametrize(("keep", "off"), [(keep_top_k, 0), (keep_top_p, 1.0), (keep_min_p, 0.0)])
def test_a_filter_turned_off_copies(keep: Callable[..., np.ndarray], off: float, rng: np.random.Generator) -> None:
    logits = flat(rng, 50)
    kept = keep(logits, off)
    assert np.array_equal(kept, logits)
    assert not np.shares_memory(kept, logits)


@pytest.mark.parametrize(("keep", "strength"), [(keep_top_k, 3), (keep_top_p, 0.5), (keep_min_p, 0.5)])
def test_rows_do_not_see_each_other(keep: Callable[..., np.ndarray], strength: float, rng: np.random.Generator) -> None:
    logits = (rng.normal(size=(4, 300)) * 3).astype(np.float32)
    alone = np.concatenate([keep(logits[i : i + 1], strength) for i in range(4)])
    assert np.array_equal(keep(logits, strength), alone)


@pytest.mark.parametrize("size", VOCAB_SIZES)
@pytest.mark.parametrize("shape", [peaked, flat])
@pytest.mark.parametrize("p", [0.2, 0.9])
def test_typical_equals_transformers(
    size: int, shape: Callable[..., np.ndarray], p: float, rng: np.random.Generator
) -> None:
    """But for tokens at the edge, where transformers sums in float32."""
    logits = shape(rng, size)
    ours = np.isfinite(keep_typical(logits, p))
    theirs = np.isfinite(from_transformers("TypicalLogitsWarper", logits, p))
    assert (ours != theirs).sum() <= max(1, size // 10_000)
    assert ours.any(axis=1).all()


def test_typical_may_rule_out_the_likeliest_token() -> None:
    probs = np.array([[0.4, 0.15, 0.15, 0.15, 0.15]])
    logits = np.log(probs).astype(np.float32)
    assert np.isfinite(keep_typical(logits, 0.5))[0].tolist() == [False, True, True, True, True]


def test_entropy_of_equals_is_the_logarithm_of_their_number() -> None:
    assert entropy(np.array([[0.25] * 4, [1, 0, 0, 0]])).tolist() == pytest.approx([np.log(4), 0])


def test_temperature_falls_where_the_model_is_sure() -> None:
    even = np.zeros(100, np.float32)
    sure = np.array([20, *[0] * 99], np.float32)
    assert temperature_by_entropy(even, 0.7, 1.0) == pytest.approx(0.7 * 0.8 ** (1 / np.log(100)))
    assert temperature_by_entropy(sure, 0.7, 1.0) < 1e-6
    assert temperature_by_entropy(np.array([0, -np.inf], np.float32), 0.7, 1.0) == 0
