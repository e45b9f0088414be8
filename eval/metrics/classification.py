"""Labels given against labels wanted: accuracy, macro-F1, and whether a stated confidence can be believed."""

from collections.abc import Hashable, Sequence

import numpy as np

from eval.metrics.bootstrap import bootstrap_figure
from eval.metrics.figures import Figure
from eval.metrics.means import mean_figure

NUM_BINS = 15


def accuracy(
    predictions: Sequence[Hashable], references: Sequence[Hashable], *, clusters: Sequence[Hashable] | None = None
) -> Figure:
    """The share of predictions that equal their reference.

    Raises:
        ValueError: none, another number of references, or not one cluster for every prediction.
    """
    _check_pairs(predictions, references)
    right = [float(given == wanted) for given, wanted in zip(predictions, references, strict=True)]
    return mean_figure(right, clusters=clusters)


def macro_f1(
    predictions: Sequence[Hashable], references: Sequence[Hashable], *, clusters: Sequence[Hashable] | None = None
) -> Figure:
    """The mean of the F1 of every label, rare ones as much as common ones.

    A label counts where it was given or wanted; one given alone has an F1 of 0.

    Raises:
        What `accuracy` raises.
    """
    _check_pairs(predictions, references)
    numbers: dict[Hashable, int] = {}
    for label in (*references, *predictions):
        numbers.setdefault(label, len(numbers))
    num_labels, samples = len(numbers), np.arange(len(predictions))
    given, wanted = np.zeros((2, len(predictions), num_labels))
    given[samples, [numbers[label] for label in predictions]] = 1
    wanted[samples, [numbers[label] for label in references]] = 1

    def mean_f1(sums: np.ndarray) -> np.ndarray:
        num_right, num_seen = sums[:, :num_labels], sums[:, num_labels:]
        is_seen = num_seen > 0
        f1 = np.divide(2 * num_right, num_seen, out=np.zeros_like(num_right), where=is_seen)
        return np.asarray(f1.sum(axis=1) / is_seen.sum(axis=1))

    return bootstrap_figure(np.hstack([given * wanted, given + wanted]), mean_f1, clusters=clusters)


def expected_calibration_error(
    confidences: Sequence[float],
    right: Sequence[bool],
    *,
    num_bins: int = NUM_BINS,
    clusters: Sequence[Hashable] | None = None,
) -> Figure:
    """How far confidence and accuracy lie apart, on average: 0 is a model that is right as often as it says.

    Confidences fall into bins of equal width, (0, 1/15] … (14/15, 1]; in each bin the distance between mean confidence
    and accuracy counts by the share of samples there. The value is biased upwards on few samples, and the interval of
    a perfectly calibrated model does not reach 0.

    Args:
        confidences: probability that the answer is right, 0 to 1.
        right: whether it was.

    Raises:
        ValueError: none, other numbers of values, a confidence outside 0 to 1, or fewer bins than 1.

    Source: Guo et al., arXiv:1706.04599, equation 3.
    """
    _check_pairs(confidences, right)
    if num_bins < 1:
        raise ValueError(f"num_bins is {num_bins}; use 1 bin at least.")
    stated = np.asarray(confidences, np.float64)
    wrong = np.flatnonzero(~((stated >= 0) & (stated <= 1)))  # written so that NaN is wrong too
    if len(wrong):
        raise ValueError(f"Confidence {wrong[0]} is {stated[wrong[0]]}; a probability lies between 0 and 1.")
    bins = np.clip(np.ceil(stated * num_bins).astype(int) - 1, 0, num_bins - 1)
    rows = np.zeros((len(stated), num_bins + 1))
    rows[np.arange(len(stated)), bins] = stated - np.asarray(right, np.float64)
    rows[:, num_bins] = 1
    return bootstrap_figure(rows, _mean_gap, clusters=clusters)


def _mean_gap(sums: np.ndarray) -> np.ndarray:
    return np.asarray(np.abs(sums[:, :-1]).sum(axis=1) / sums[:, -1])


def _check_pairs(given: Sequence[object], wanted: Sequence[object]) -> None:
    if len(given) != len(wanted) or not len(given):
        raise ValueError(f"There are {len(given)} predictions and {len(wanted)} references; a pair each is needed.")
