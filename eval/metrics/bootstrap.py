"""How sure a difference between two systems is: the paired bootstrap over the queries that both answered.

Source: Efron, Tibshirani, "An Introduction to the Bootstrap", 1993, §13.3 (percentile interval); for retrieval: Sakai,
SIGIR 2006.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Difference:
    """Mean of `a - b` over queries, and the interval that holds it in `confidence` of resampled query sets."""

    mean: float
    low: float
    high: float


def paired_difference(
    a: Sequence[float], b: Sequence[float], *, confidence: float = 0.95, num_samples: int = 10_000, seed: int = 0
) -> Difference:
    """The mean difference of two systems, query by query, with its bootstrap interval.

    An interval that holds 0 means: other queries of the kind might as well turn it round.

    Args:
        a, b: a measure of the two systems for the same queries in the same order.

    Raises:
        ValueError: the numbers of queries differ, or there is none.
    """
    if len(a) != len(b) or not len(a):
        raise ValueError(f"There are {len(a)} and {len(b)} values; a pair for every query is needed.")
    differences = np.asarray(a, np.float64) - np.asarray(b, np.float64)
    drawn = np.random.default_rng(seed).integers(len(differences), size=(num_samples, len(differences)))
    means = differences[drawn].mean(axis=1)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Difference(float(differences.mean()), float(low), float(high))
