"""Reciprocal rank fusion: one list from several that each have scores of their own kind.

Source: Cormack, Clarke, Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods",
SIGIR 2009. Weights for the lists are our addition; with all of them 1 it is theirs.
"""

from collections.abc import Mapping, Sequence

RRF_K = 60  # theirs
# Measured on Cranfield and the Debian Reference: docs/log.md. With equal weights many pairs of hits tie, the first of
# one list with the first of the other; half a voice for keywords lets meaning decide between them.
BM25_WEIGHT = 0.5
FOREIGN_DENSE_WEIGHT = 0.02  # enough to add what no word found; 0.2 cost a fifth of the right first hits
ENGLISH_EMBEDDERS = frozenset({"minilm-l6", "sentence-transformers/all-MiniLM-L6-v2"})


def fuse_rankings(
    rankings: Mapping[str, Sequence[int]], *, k: float = RRF_K, weights: Mapping[str, float] | None = None
) -> list[tuple[int, float]]:
    """Every item of any ranking with its fused score, Σ weight / (k + rank), best first, equal ones by id.

    Args:
        rankings: for each method its items, best first, none twice. Ranks count from 1.
        k: above 0. The larger, the less the first ranks stand out.
        weights: how much a method counts, 1 where it is not named; 0 or more.

    Raises:
        ValueError: `k` or a weight is out of range, or a ranking names an item twice.
    """
    if not k > 0:
        raise ValueError(f"k is {k}; reciprocal rank fusion needs a k above 0.")
    weights = weights or {}
    if any(not weight >= 0 for weight in weights.values()):
        raise ValueError(f"The weights are {dict(weights)}; each must be 0 or more.")
    scores: dict[int, float] = {}
    for method, items in rankings.items():
        if len(set(items)) != len(items):
            raise ValueError(f"The ranking of {method!r} names an item twice.")
        for rank, item in enumerate(items, start=1):
            scores[item] = scores.get(item, 0.0) + weights.get(method, 1.0) / (k + rank)
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))


def fusion_weights(query_language: str, embedder_name: str) -> dict[str, float]:
    """What keywords ("bm25") and meaning ("dense") count in a hybrid search.

    Args:
        query_language: as `guess_language` says: "en", "zh" or "other".
        embedder_name: one that was trained on English alone sees other writing as letters without a meaning; only names
            and figures in it still say something, so keywords decide. Unknown embedders are taken for multilingual.
    """
    if query_language != "en" and embedder_name in ENGLISH_EMBEDDERS:
        return {"bm25": 1.0, "dense": FOREIGN_DENSE_WEIGHT}
    return {"bm25": BM25_WEIGHT, "dense": 1.0}
