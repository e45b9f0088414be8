"""From rankings to a table: means of several measures over queries, and whether two systems really differ."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from eval.metrics.bootstrap import paired_difference
from eval.metrics.ranking import average_precision, ndcg_at, recall_at, reciprocal_rank
from eval.tasks.collection import Query

Ranking = Sequence[str]
MEASURES: dict[str, Callable[[Ranking, Mapping[str, int]], float]] = {
    "nDCG@10": partial(ndcg_at, 10),
    "recall@1": partial(recall_at, 1),
    "recall@10": partial(recall_at, 10),
    "recall@100": partial(recall_at, 100),
    "MRR": reciprocal_rank,
    "MAP": average_precision,
}


def measure(queries: Sequence[Query], rankings: Sequence[Ranking], names: Sequence[str]) -> dict[str, list[float]]:
    """For each measure its value for every query, in the order of the queries."""
    return {
        name: [MEASURES[name](ranking, query.grades) for query, ranking in zip(queries, rankings, strict=True)]
        for name in names
    }


def means(values: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Each measure's mean, to four places."""
    return {name: round(sum(column) / len(column), 4) for name, column in values.items()}


def compare(a: Sequence[float], b: Sequence[float]) -> dict[str, Any]:
    """How far `a` lies above `b`, with the 95 % interval, to four places."""
    return {name: round(value, 4) for name, value in asdict(paired_difference(a, b)).items()}


def as_table(rows: Mapping[str, Mapping[str, float]], heading: str = "") -> str:
    """A Markdown table: a row a system, a column a measure, the best of each column in bold."""
    names = list(next(iter(rows.values())))
    best = {name: max(row[name] for row in rows.values()) for name in names}
    lines = [f"| {heading} | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for system, row in rows.items():
        cells = [f"**{row[name]:.3f}**" if row[name] == best[name] else f"{row[name]:.3f}" for name in names]
        lines.append(f"| {system} | {' | '.join(cells)} |")
    return "\n".join(lines)
