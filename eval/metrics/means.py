"""The mean of a measure over samples, with its interval: what most figures of a report are."""

import math
from collections.abc import Hashable, Sequence

import numpy as np

from eval.metrics.bootstrap import CONFIDENCE, NUM_DRAWS, bootstrap_figure, checked_rows, cluster_sums
from eval.metrics.figures import Figure
from eval.metrics.wilson import wilson_interval


def mean_figure(
    values: Sequence[float],
    *,
    clusters: Sequence[Hashable] | None = None,
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
) -> Figure:
    """The mean with its standard error and 95 % interval.

    The standard error is analytic: s / √n, with n - 1 degrees of freedom, or the cluster-robust one. The interval of
    values that are all 0 or 1 is Wilson's, which stays true where all are right; of others the percentile bootstrap.
    With clusters (questions about one document, say) whole clusters are drawn.

    Raises:
        ValueError: no values, a value that is not finite, or not one cluster for every value.
    """
    rows = checked_rows(np.asarray(values, np.float64).reshape(-1, 1))
    by_cluster = cluster_sums(np.column_stack([rows, np.ones(len(rows))]), clusters)
    mean, error = float(rows.mean()), standard_error(by_cluster)
    is_share = bool(np.isin(rows, (0.0, 1.0)).all())
    if is_share and clusters is None:
        return _share(mean, round(float(rows.sum())), len(rows), error, len(rows), "")
    if is_share and mean in (0.0, 1.0):  # no draw would differ; a cluster counts as a single sample, at worst
        return _share(mean, round(mean * len(by_cluster)), len(by_cluster), error, len(rows), " over clusters")
    figure = bootstrap_figure(
        np.column_stack([rows, np.ones(len(rows))]), ratio, clusters=clusters, num_draws=num_draws, seed=seed
    )
    return Figure(value=mean, interval=figure.interval, n=len(rows), method=figure.method, standard_error=error)


def ratio(sums: np.ndarray) -> np.ndarray:
    """[m] first sum over second, as a `Measure`."""
    return np.asarray(sums[:, 0] / sums[:, 1])


def standard_error(by_cluster: np.ndarray) -> float | None:
    """Of the mean of all values, from the sum and the count of each cluster [c, 2]; None for a single cluster.

    A cluster of one value each gives s / √n. Source: Liang, Zeger, Biometrika 73, 1986, with the factor c / (c - 1).
    """
    num_clusters = len(by_cluster)
    if num_clusters < 2:
        return None
    total, count = by_cluster.sum(axis=0)
    residuals = by_cluster[:, 0] - by_cluster[:, 1] * total / count
    return float(math.sqrt(num_clusters / (num_clusters - 1) * (residuals**2).sum()) / count)


def _share(mean: float, num_right: int, num_all: int, error: float | None, n: int, over: str) -> Figure:
    return Figure(
        value=mean,
        interval=wilson_interval(num_right, num_all),
        n=n,
        method=f"Wilson interval{over}",
        standard_error=error,
        confidence=CONFIDENCE,
    )
