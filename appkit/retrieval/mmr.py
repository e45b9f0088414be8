"""Maximal marginal relevance: a list that is relevant and does not say the same thing twice.

Source: Carbonell, Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering Documents and Producing
Summaries", SIGIR 1998: the next item is arg max of λ·Sim1(item, query) - (1 - λ)·max Sim2(item, chosen); our
`diversity` is 1 - λ. We depart from it in scale: relevance and similarity are both stretched to 0…1 over the
candidates, because fused ranks lie between 0 and 0.03 and the cosines of some embedders between 0.7 and 1, and λ would
mean another thing for each.
"""

from collections.abc import Sequence

import numpy as np


def choose_diverse(relevance: Sequence[float], vectors: np.ndarray, *, limit: int, diversity: float) -> list[int]:
    """Indices of up to `limit` items in the order they are chosen; the most relevant is first.

    Args:
        relevance: one number an item, on any scale; higher is better. Equal scores keep the order given.
        vectors: [n, d], rows of length 1; similarity is their product.
        diversity: 0 orders by relevance alone, 1 looks at nothing but difference after the first.

    Raises:
        ValueError: the numbers of items differ, or `diversity` is outside 0…1.
    """
    if not 0 <= diversity <= 1:
        raise ValueError(f"diversity is {diversity}; give a number from 0 (relevance alone) to 1.")
    if len(relevance) != len(vectors):
        raise ValueError(f"There are {len(relevance)} scores for {len(vectors)} vectors.")
    count = len(relevance)
    if not count or limit < 1:
        return []
    gain = _stretch(np.asarray(relevance, np.float64), np.ones(count, bool))
    others = ~np.eye(count, dtype=bool)
    similarity = _stretch(np.asarray(vectors, np.float64) @ np.asarray(vectors, np.float64).T, others)

    chosen = [int(np.argmax(gain))]
    closest = similarity[chosen[0]].copy()  # of each item, to the chosen one most like it
    while len(chosen) < min(limit, count):
        value = (1 - diversity) * gain - diversity * closest
        value[chosen] = -np.inf
        chosen.append(int(np.argmax(value)))
        np.maximum(closest, similarity[chosen[-1]], out=closest)
    return chosen


def _stretch(values: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """`values` moved and scaled so that the counted ones span 0…1; all 0 where they are equal."""
    if not counted.any():
        return np.zeros_like(values)
    low, high = values[counted].min(), values[counted].max()
    return np.zeros_like(values) if high == low else (values - low) / (high - low)
