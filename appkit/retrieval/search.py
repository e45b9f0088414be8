"""`search`: what in an index answers a query best. Dense, keyword or both; filtered, reranked, expanded as asked.

The order of the steps: filter → candidates of each method → fusion → reranking → diversity → expansion. Everything
before expansion works on chunks.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from appkit.llm.base import LanguageModel
from appkit.retrieval.documents import Hit
from appkit.retrieval.expansion import Expansion, expand_hits
from appkit.retrieval.filters import compile_filter
from appkit.retrieval.fusion import fuse_rankings, fusion_weights
from appkit.retrieval.language import guess_language
from appkit.retrieval.mmr import choose_diverse
from appkit.retrieval.rerank import RERANKED, question_likelihoods
from appkit.retrieval.segmentation import search_words

if TYPE_CHECKING:
    from appkit.retrieval.index import DocumentIndex

SearchMethod = Literal["hybrid", "dense", "bm25"]
CANDIDATES = 100  # of each method; more where more hits are asked for
RERANK_WEIGHT = 0.5  # beside the order before: a small model alone ranks worse than what it is given, docs/log.md


def search(
    index: "DocumentIndex",
    query: str,
    *,
    limit: int = 10,
    method: SearchMethod = "hybrid",
    filter: str | None = None,
    diversity: float | None = None,
    rerank: LanguageModel | None = None,
    expand: Expansion = "none",
) -> list[Hit]:
    """Up to `limit` hits, best first; none where nothing matches. The same index and query give the same list.

    Args:
        method: "dense" by meaning, "bm25" by words, "hybrid" by both.
        filter: which chunks may be found; the grammar is in `filters.py`.
        diversity: 0…1, how much a hit should differ from those above it; see `mmr.py`. None leaves the order alone.
        rerank: a model that reads the best candidates and orders them by how well they explain the query; slow.
        expand: show each hit's whole section, or its neighbours; see `expansion.py`.

    Returns:
        Hits whose `scores` name every method that had a say: "dense" (cosine), "bm25", "rrf", "rerank".

    Raises:
        FilterSyntaxError: the filter is not of the grammar.
        ValueError: the query is blank, or another argument is out of range.
    """
    _check(query, limit, method, diversity, expand)
    allowed = None
    if filter is not None:
        condition = compile_filter(filter)
        allowed = index.chunk_ids_where(condition.condition, condition.parameters)
        if not len(allowed):
            return []
    candidates = _Candidates(index, query, max(limit, CANDIDATES), allowed)
    ranked = candidates.rank(method)
    if rerank is not None:
        ranked = candidates.rerank(ranked, rerank)
    if diversity is not None:
        ranked = candidates.diversify(ranked, diversity)
    hits = candidates.hits(ranked if expand != "none" else ranked[:limit])
    return expand_hits(index, hits, expand, limit=limit)


def _check(query: str, limit: int, method: str, diversity: float | None, expand: str) -> None:
    if not query.strip():
        raise ValueError("The query is empty: say what to search for.")
    if limit < 1:
        raise ValueError(f"limit is {limit}; ask for at least 1 hit.")
    if method not in get_args(SearchMethod):
        raise ValueError(f"method is {method!r}; it can be {', '.join(get_args(SearchMethod))}.")
    if expand not in get_args(Expansion):
        raise ValueError(f"expand is {expand!r}; it can be {', '.join(get_args(Expansion))}.")
    if diversity is not None and not 0 <= diversity <= 1:
        raise ValueError(f"diversity is {diversity}; give a number from 0 (relevance alone) to 1.")


class _Candidates:
    """Chunks that a method found for one query, and what each method thought of them."""

    def __init__(self, index: "DocumentIndex", query: str, count: int, allowed: np.ndarray | None) -> None:
        self._index = index
        self._query = query
        self._count = count
        self._allowed = allowed
        self._scores: dict[int, dict[str, float]] = {}
        self._order: dict[int, float] = {}  # the score that ordered the list last

    def rank(self, method: SearchMethod) -> list[int]:
        """Ids of the candidates, best first."""
        if method == "dense":
            return self._ordered("dense", self._dense())
        if method == "bm25":
            return self._ordered("bm25", self._bm25())
        rankings = {"bm25": self._ordered("bm25", self._bm25()), "dense": self._ordered("dense", self._dense())}
        self._fill_in_dense()
        weights = fusion_weights(guess_language(self._query), self._index.embedder_name)
        return self._ordered("rrf", fuse_rankings(rankings, weights=weights))

    def rerank(self, ranked: Sequence[int], model: LanguageModel) -> list[int]:
        """The first `RERANKED` ordered by the model and the order before together; the others stay behind them."""
        first = list(ranked[:RERANKED])
        chunks = self._index.chunks(first)
        passages = [chunks[chunk_id].text for chunk_id in first]
        language = guess_language(self._query)
        likelihoods = question_likelihoods(model, self._query, passages, language=language)
        read = self._ordered("rerank", zip(first, likelihoods, strict=True))
        fused = fuse_rankings({"before": ranked, "rerank": read}, weights={"rerank": RERANK_WEIGHT})
        self._order = dict(fused)
        return [chunk_id for chunk_id, _ in fused]

    def diversify(self, ranked: Sequence[int], diversity: float) -> list[int]:
        """The same ids, each as unlike those before it as `diversity` asks."""
        relevance = [self._order[chunk_id] for chunk_id in ranked]
        vectors = self._index.vectors_of(ranked)
        return [ranked[idx] for idx in choose_diverse(relevance, vectors, limit=len(ranked), diversity=diversity)]

    def hits(self, ranked: Sequence[int]) -> list[Hit]:
        chunks = self._index.chunks(ranked)
        return [
            Hit(chunk=chunks[chunk_id], score=self._order[chunk_id], scores=self._scores[chunk_id])
            for chunk_id in ranked
        ]

    def _bm25(self) -> list[tuple[int, float]]:
        words = search_words(self._query)
        return self._index.keyword_search(words, self._count, self._allowed) if words else []

    def _dense(self) -> list[tuple[int, float]]:
        return self._index.vector_search(self._vector, self._count, self._allowed)

    @cached_property
    def _vector(self) -> np.ndarray:
        return self._index.embed_query(self._query)

    def _ordered(self, name: str, found: Iterable[tuple[int, float]]) -> list[int]:
        """Ids by score, equal scores by id, so that the list is the same every time; the scores are noted."""
        self._order = {chunk_id: float(score) for chunk_id, score in found}
        for chunk_id, score in self._order.items():
            self._scores.setdefault(chunk_id, {})[name] = score
        return sorted(self._order, key=lambda chunk_id: (-self._order[chunk_id], chunk_id))

    def _fill_in_dense(self) -> None:
        """The cosine of what only words found: whoever reads the hits can compare them by it."""
        missing = [chunk_id for chunk_id, scores in self._scores.items() if "dense" not in scores]
        if missing:
            for chunk_id, cosine in zip(missing, self._index.vectors_of(missing) @ self._vector, strict=True):
                self._scores[chunk_id]["dense"] = float(cosine)
