"""Measures of a ranked list against judgements: precision, recall, reciprocal rank, average precision, nDCG.

`ranking` names items best first, none twice; `grades` gives the judged ones a grade, 0 for "judged and not relevant".
What was not judged counts as not relevant. Relevant is a grade above 0. Each function looks at one query; over many
one takes the mean, so that every query counts the same (MRR and MAP are the means of `reciprocal_rank` and
`average_precision`). A query without a relevant item says nothing about a ranking: the functions whose denominator
that is raise, callers leave such queries out.

Definitions: Manning, Raghavan, Schütze, "Introduction to Information Retrieval", 2008, §8.4; nDCG: Järvelin,
Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Literal, TypeVar

Item = TypeVar("Item", bound=Hashable)
Gain = Literal["linear", "exponential"]


def precision_at(k: int, ranking: Sequence[Item], grades: Mapping[Item, float]) -> float:
    """The share of relevant items among the first `k`; a shorter list counts as filled up with wrong ones."""
    return _num_relevant(ranking[: _depth(k)], grades) / k


def recall_at(k: int, ranking: Sequence[Item], grades: Mapping[Item, float]) -> float:
    """The share of all relevant items that is among the first `k`."""
    return _num_relevant(ranking[: _depth(k)], grades) / _num_judged_relevant(grades)


def reciprocal_rank(ranking: Sequence[Item], grades: Mapping[Item, float]) -> float:
    """1 / the rank of the first relevant item, the first rank being 1; 0 where none is ranked."""
    ranks = (rank for rank, item in enumerate(ranking, start=1) if grades.get(item, 0) > 0)
    return 1 / next(ranks, math.inf)


def average_precision(ranking: Sequence[Item], grades: Mapping[Item, float]) -> float:
    """The mean, over all relevant items, of the precision at the rank where each stands; 0 for one not ranked."""
    found, total = 0, 0.0
    for rank, item in enumerate(ranking, start=1):
        if grades.get(item, 0) > 0:
            found += 1
            total += found / rank
    return total / _num_judged_relevant(grades)


def ndcg_at(k: int, ranking: Sequence[Item], grades: Mapping[Item, float], *, gain: Gain = "linear") -> float:
    """Discounted cumulated gain of the first `k`, over that of the best possible list.

    An item at rank r, counted from 1, brings gain / log2(r + 1).

    Args:
        gain: "linear" is the grade itself, as in trec_eval; "exponential" is 2^grade - 1, which stresses high grades.
        Grades of
            0 and 1 give the same by both.
    """
    _num_judged_relevant(grades)
    ideal = sorted(grades.values(), reverse=True)
    return _dcg([grades.get(item, 0) for item in ranking[: _depth(k)]], gain) / _dcg(ideal[:k], gain)


def _dcg(grades: Sequence[float], gain: Gain) -> float:
    gains = [(2.0**grade - 1) if gain == "exponential" else grade for grade in grades]
    return sum(value / math.log2(rank + 1) for rank, value in enumerate(gains, start=1))


def _depth(k: int) -> int:
    if k < 1:
        raise ValueError(f"k is {k}; look at 1 item at least.")
    return k


def _num_relevant(ranking: Sequence[Item], grades: Mapping[Item, float]) -> int:
    return sum(grades.get(item, 0) > 0 for item in ranking)


def _num_judged_relevant(grades: Mapping[Item, float]) -> int:
    count = sum(grade > 0 for grade in grades.values())
    if not count:
        raise ValueError("No item is judged relevant, so this query cannot be measured: leave it out.")
    return count
