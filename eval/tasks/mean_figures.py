"""Figures of a run that are means of a measure over samples, or a ratio of two sums over them."""

from collections.abc import Hashable, Sequence

import numpy as np

from eval.harness.task import Answered, Measure, Sample
from eval.metrics import Figure, bootstrap_figure, mean_figure


def mean_figures(
    measures: Sequence[Measure], samples: Sequence[Sample], answers: Sequence[Answered]
) -> dict[str, Figure]:
    """The mean of every measure that is one, in their order.

    A sample without a value says nothing about that measure and is left out; a measure without any value too. Where
    samples share something, whole clusters are drawn.
    """
    figures = {}
    for measure in measures:
        if not measure.is_mean:
            continue
        pairs = [
            (answer.values[measure.name], sample)
            for sample, answer in zip(samples, answers, strict=True)
            if measure.name in answer.values
        ]
        if pairs:
            shared = clusters_of([sample for _, sample in pairs])
            figures[measure.name] = mean_figure([value for value, _ in pairs], clusters=shared)
    return figures


def ratio_figure(samples: Sequence[Sample], parts: Sequence[float], wholes: Sequence[float]) -> Figure | None:
    """The sum of `parts` over the sum of `wholes`, one of each a sample; None where there is nothing to divide by.

    A sample whose whole is 0 adds nothing and is not drawn, so that no drawn set is without a whole.
    """
    counts = [idx for idx, whole in enumerate(wholes) if whole]
    if not counts:
        return None
    rows = np.array([[parts[idx], wholes[idx]] for idx in counts], np.float64)
    return bootstrap_figure(
        rows, lambda sums: sums[:, 0] / sums[:, 1], clusters=clusters_of([samples[idx] for idx in counts])
    )


def clusters_of(samples: Sequence[Sample]) -> list[Hashable] | None:
    """What each sample shares with others; None where no two share anything."""
    shared: list[Hashable] = [sample.doc_id if sample.cluster is None else sample.cluster for sample in samples]
    return shared if len(set(shared)) < len(shared) else None
