"""How sure a figure is: the bootstrap, over samples or over clusters of samples that stand or fall together.

A measure takes part by its sums: of every sample a row of numbers is known, the rows are added up over all samples, and
the measure is a function of the sums. A mean is such a measure (value and 1), so are BLEU (n-grams matched and made)
and perplexity (log-probability and tokens). Drawing samples anew is then one matrix product, and a measure of a drawn
set costs nothing of its texts again.

Source: Efron, Tibshirani, "An Introduction to the Bootstrap", 1993, §6 and §13.3 (percentile interval); for retrieval:
Sakai, SIGIR 2006. Clusters: Cameron, Gelbach, Miller, "Bootstrap-based improvements for inference with clustered
errors", 2008, §3.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from eval.metrics.figures import Figure

# [m, k] sums → [m] values
Measure = Callable[[np.ndarray], np.ndarray]

NUM_DRAWS = 1000  # the ends of an interval then move by a hundredth of its width from seed to seed, or two
CONFIDENCE = 0.95
MAX_DRAWN = 1 << 22  # counts held at a time, 32 MiB


@dataclass(frozen=True)
class Difference:
    """Mean of `a - b` over queries, and the interval that holds it in `confidence` of resampled query sets."""

    mean: float
    low: float
    high: float


def paired_difference(
    a: Sequence[float], b: Sequence[float], *, confidence: float = CONFIDENCE, num_samples: int = 10_000, seed: int = 0
) -> Difference:
    """The mean difference of two systems, query by query, with its bootstrap interval.

    An interval that holds 0 means: other queries of the kind might as well turn it round. `compare_pairs` adds a test.

    Args:
        a, b: a measure of the two systems for the same queries in the same order.

    Raises:
        ValueError: the numbers of queries differ, or there is none.
    """
    if len(a) != len(b) or not len(a):
        raise ValueError(f"There are {len(a)} and {len(b)} values; a pair for every query is needed.")
    differences = np.asarray(a, np.float64) - np.asarray(b, np.float64)
    draws = bootstrap_draws(differences[:, None], lambda sums: sums[:, 0], num_draws=num_samples, seed=seed)
    low, high = percentile_interval(draws / len(differences), confidence)
    return Difference(float(differences.mean()), low, high)


def bootstrap_figure(
    rows: np.ndarray,
    measure: Measure,
    *,
    clusters: Sequence[Hashable] | None = None,
    confidence: float = CONFIDENCE,
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
    unit: str = "samples",
) -> Figure:
    """A measure of all samples with its percentile interval and standard error.

    Args:
        rows: [n, k] what each sample adds to the sums.
        measure: sums [m, k] → values [m]; finite for every non-empty set of samples.
        clusters: of each sample, what it shares with others, such as the document its question is about. Whole
            clusters are drawn then, for their samples are not independent.
        seed: the same seed gives the same figure, to the bit.
        unit: what the rows are, as `Figure.method` calls them.

    Raises:
        ValueError: no rows, clusters for another number of samples, or a row that is not finite.
    """
    rows = checked_rows(rows)
    by_cluster = cluster_sums(rows, clusters)
    value = float(measure(rows.sum(axis=0, keepdims=True))[0])
    what = unit if clusters is None else "clusters"
    if len(by_cluster) < 2:
        return Figure(
            value=value, interval=None, n=len(rows), method=f"no interval: {len(by_cluster)} {what[:-1]} has no spread"
        )
    draws = bootstrap_draws(by_cluster, measure, num_draws=num_draws, seed=seed)
    return Figure(
        value=value,
        interval=percentile_interval(draws, confidence),
        n=len(rows),
        method=f"percentile bootstrap over {len(by_cluster)} {what}, {num_draws} draws, seed {seed}",
        standard_error=float(draws.std(ddof=1)),
        confidence=confidence,
    )


def bootstrap_draws(rows: np.ndarray, measure: Measure, *, num_draws: int, seed: int) -> np.ndarray:
    """[num_draws] the measure of that many sets of n rows, drawn with replacement from the n given."""
    return np.concatenate([measure(counts @ rows) for counts in resample_counts(len(rows), num_draws, seed)])


def resample_counts(num_items: int, num_draws: int, seed: int) -> Iterator[np.ndarray]:
    """[m, num_items] float64 at a time, `num_draws` rows in all: how often each item is in each drawn set."""
    rng = np.random.default_rng(seed)
    num_rows = max(1, MAX_DRAWN // num_items)
    for start in range(0, num_draws, num_rows):
        size = min(num_rows, num_draws - start)
        drawn = rng.integers(num_items, size=(size, num_items))
        drawn += num_items * np.arange(size)[:, None]  # a range of its own for each row
        counts = np.bincount(drawn.ravel(), minlength=size * num_items)
        yield counts.reshape(size, num_items).astype(np.float64)


def percentile_interval(draws: np.ndarray, confidence: float) -> tuple[float, float]:
    """The range that holds the middle `confidence` of the draws. Raises ValueError unless 0 < confidence < 1."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}; give a share between 0 and 1, such as 0.95.")
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def cluster_sums(rows: np.ndarray, clusters: Sequence[Hashable] | None) -> np.ndarray:
    """[c, k] the rows of each cluster added up, clusters in order of appearance; the rows themselves without clusters.

    Raises:
        ValueError: not one cluster for every row.
    """
    if clusters is None:
        return rows
    if len(clusters) != len(rows):
        raise ValueError(f"There are {len(clusters)} clusters for {len(rows)} samples; name one for every sample.")
    numbers: dict[Hashable, int] = {}
    cluster_of = [numbers.setdefault(cluster, len(numbers)) for cluster in clusters]
    sums = np.zeros((len(numbers), rows.shape[1]))
    np.add.at(sums, cluster_of, rows)
    return sums


def checked_rows(rows: np.ndarray) -> np.ndarray:
    """[n, k] float64 with n > 0 and every number finite. Raises ValueError naming the sample at fault."""
    rows = np.asarray(rows, np.float64)
    if not len(rows):
        raise ValueError("There are no samples: nothing was measured.")
    wrong = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(wrong):
        row = rows[wrong[0]]
        shown = row[~np.isfinite(row)][0]
        raise ValueError(f"Sample {wrong[0]} measures {shown}; every value must be a finite number.")
    return rows
