"""Is one system better than another? Both answered the same samples, so they are compared sample by sample.

The interval of the difference comes from the bootstrap: what would other samples say? The p-value comes from the
permutation test: were the two systems the same, it would not matter which of two answers is whose; how often does
chance alone, exchanging them, make a difference this large? Where both are asked of clusters, whole clusters are drawn
and exchanged.

Source: Koehn, EMNLP 2004 (paired bootstrap); Riezler, Maxwell, ACL workshop 2005 (why the p-value is the
permutation's); Phipson, Smyth, arXiv:1603.05766 (the + 1 of a sampled p-value).
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from eval.metrics.bootstrap import MAX_DRAWN, NUM_DRAWS, Measure, bootstrap_figure, checked_rows, cluster_sums
from eval.metrics.figures import Figure
from eval.metrics.means import ratio

NUM_PERMUTATIONS = 10_000
MAX_EXACT = 13  # pairs whose 2^n exchanges are fewer than would be drawn


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How far a system lies above another, and the probability of such a difference were they the same."""

    a: float
    b: float
    difference: Figure  # a - b
    p_value: float
    test: str

    def __str__(self) -> str:
        return f"{self.a:.4g} - {self.b:.4g} = {self.difference}, p = {self.p_value:.4f}"


def compare_pairs(
    a: Sequence[float],
    b: Sequence[float],
    *,
    clusters: Sequence[Hashable] | None = None,
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
) -> Comparison:
    """The mean difference of a measure of two systems, such as whether each answer was right.

    Args:
        a, b: the measure of the two systems for the same samples in the same order.
        clusters: of each sample, what it shares with others.

    Raises:
        ValueError: the numbers of samples differ, or a value is not finite.
    """
    if len(a) != len(b):
        raise ValueError(f"There are {len(a)} and {len(b)} values; both systems must answer the same samples.")
    return compare_rows(_with_ones(a), _with_ones(b), ratio, clusters=clusters, num_draws=num_draws, seed=seed)


def compare_rows(
    a: np.ndarray,
    b: np.ndarray,
    measure: Measure,
    *,
    clusters: Sequence[Hashable] | None = None,
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
) -> Comparison:
    """`compare_pairs` of any measure of sums.

    Args:
        a, b: [n, k] what each sample of each system adds to the sums, see `bootstrap`.
    """
    a, b = checked_rows(a), checked_rows(b)
    width = a.shape[1]
    values = measure(np.stack([a.sum(axis=0), b.sum(axis=0)]))
    p_value, test = permutation_test(cluster_sums(a, clusters), cluster_sums(b, clusters), measure, seed=seed)
    difference = bootstrap_figure(
        np.hstack([a, b]),
        lambda sums: measure(sums[:, :width]) - measure(sums[:, width:]),
        clusters=clusters,
        num_draws=num_draws,
        seed=seed,
        unit="pairs",
    )
    return Comparison(a=float(values[0]), b=float(values[1]), difference=difference, p_value=p_value, test=test)


def permutation_test(a: np.ndarray, b: np.ndarray, measure: Measure, *, seed: int = 0) -> tuple[float, str]:
    """The two-sided p-value of `measure` of `a` minus that of `b`, exchanging rows, and how it was found.

    All 2^n exchanges are tried where that is less work than drawing them.

    Args:
        a, b: [n, k] float64, finite.
    """
    total = (a + b).sum(axis=0)
    observed = abs(_differences(a.sum(axis=0)[None], total, measure)[0])
    threshold = observed * (1 - 1e-9)  # sums in another order end in other digits; a tie is a tie
    num_large = num_all = 0
    is_exact = len(a) <= MAX_EXACT
    for keeps in _all_exchanges(len(a)) if is_exact else _drawn_exchanges(len(a), seed):
        differences = _differences(b.sum(axis=0) + keeps @ (a - b), total, measure)
        num_large += int((np.abs(differences) >= threshold).sum())
        num_all += len(keeps)
    if is_exact:
        return num_large / num_all, f"exact permutation test, {num_all} exchanges"
    return (num_large + 1) / (num_all + 1), f"permutation test, {num_all} exchanges, seed {seed}"


def _with_ones(values: Sequence[float]) -> np.ndarray:
    """[n, 2] what each value adds to a mean."""
    return np.column_stack([np.asarray(values, np.float64), np.ones(len(values))])


def _differences(sums: np.ndarray, total: np.ndarray, measure: Measure) -> np.ndarray:
    return measure(sums) - measure(total - sums)


def _all_exchanges(num_pairs: int) -> Iterator[np.ndarray]:
    """[2^n, n] of 0 and 1: which rows the first system keeps."""
    yield ((np.arange(2**num_pairs)[:, None] >> np.arange(num_pairs)) & 1).astype(np.float64)


def _drawn_exchanges(num_pairs: int, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    num_rows = max(1, MAX_DRAWN // num_pairs)
    for start in range(0, NUM_PERMUTATIONS, num_rows):
        size = min(num_rows, NUM_PERMUTATIONS - start)
        yield rng.integers(2, size=(size, num_pairs)).astype(np.float64)
