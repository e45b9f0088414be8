"""Is hybrid search worth it? Ways to search the Cranfield collection side by side, and how fusion was tuned on it.

    python -m eval.tasks.cranfield_study [--embedder NAME] [--rerank MODEL] [--tune] [--json] [--write]

The defaults of fusion and reranking were chosen on odd queries (`--tune`); even ones had no part in the choice.
`appkit eval run cranfield` measures one way to search, query by query.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from appkit import LanguageModel, LocalEmbedder, open_model
from appkit.errors import EvaluationDataError
from appkit.retrieval.fusion import fuse_rankings
from appkit.retrieval.index import DocumentIndex
from appkit.retrieval.search import search
from appkit.retrieval.segmentation import search_words
from eval.harness.data import data_path
from eval.tasks.collection import Query, indexed, ranked_passages
from eval.tasks.cranfield import HITS, NAMES
from eval.tasks.cranfield_data import half, load_cranfield
from eval.tasks.provenance import provenance
from eval.tasks.results import write_results
from eval.tasks.retrieval_figures import as_table, compare, means, measure

RERANKED_QUERIES = 28  # every fourth even one: each reads 20 abstracts


def evaluate(index: DocumentIndex, queries: Sequence[Query]) -> dict[str, dict[str, list[float]]]:
    """For each way to search, each measure's value for every query."""
    ways: dict[str, dict[str, Any]] = {
        "bm25": {"method": "bm25"},
        "dense": {"method": "dense"},
        "hybrid": {},
        "hybrid, diversity 0.1": {"diversity": 0.1},
        "hybrid, diversity 0.3": {"diversity": 0.3},
    }
    return {name: _measure_search(index, queries, **arguments) for name, arguments in ways.items()}


def evaluate_reranking(
    index: DocumentIndex, queries: Sequence[Query], model: LanguageModel
) -> dict[str, dict[str, list[float]]]:
    """Hybrid search without and with `model` reading the best candidates."""
    return {
        "hybrid": _measure_search(index, queries),
        f"hybrid, reranked by {model.name}": _measure_search(index, queries, rerank=model),
    }


def _measure_search(index: DocumentIndex, queries: Sequence[Query], **arguments: Any) -> dict[str, list[float]]:
    rankings = [ranked_passages(search(index, query.text, limit=HITS, **arguments)) for query in queries]
    return measure(queries, rankings, NAMES)


@dataclass(frozen=True)
class Tried:
    """A setting of fusion and its mean nDCG@10."""

    candidates: int
    k: float
    bm25_weight: float
    ndcg: float


def tune(index: DocumentIndex, queries: Sequence[Query]) -> Iterator[Tried]:
    """Every combination of candidates a method, k and weight of keywords."""
    found = [
        (
            [chunk_id for chunk_id, _ in index.keyword_search(search_words(query.text), 200, None)],
            [chunk_id for chunk_id, _ in index.vector_search(index.embed_query(query.text), 200, None)],
        )
        for query in queries
    ]
    ids = sorted({chunk_id for pair in found for ranking in pair for chunk_id in ranking})
    sources = {chunk_id: chunk.source.removesuffix(".txt") for chunk_id, chunk in index.chunks(ids).items()}
    for candidates, k, weight in product((50, 100, 200), (5, 10, 20, 60), (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)):
        rankings = []
        for bm25, dense in found:
            lists = {"bm25": bm25[:candidates], "dense": dense[:candidates]}
            fused = fuse_rankings(lists, k=k, weights={"bm25": weight})
            rankings.append(list(dict.fromkeys(sources[chunk_id] for chunk_id, _ in fused)))
        yield Tried(candidates, k, weight, means(measure(queries, rankings, ["nDCG@10"]))["nDCG@10"])


def report(embedder: str, index: DocumentIndex, queries: Sequence[Query]) -> dict[str, Any]:
    """Everything the results file says about one embedder."""
    values = evaluate(index, queries)
    even = {query.query_id for query in half(queries, odd=False)}
    on_even = {
        way: {name: [v for query, v in zip(queries, column, strict=True) if query.query_id in even]
              for name, column in columns.items()}
        for way, columns in values.items()
    }  # fmt: skip
    return {
        "embedder": embedder,
        "chunks": index.stats().num_chunks,
        "all": {way: means(columns) for way, columns in values.items()},
        "even": {way: means(columns) for way, columns in on_even.items()},
        "differences": {
            f"{a} - {b}, {part} queries": compare(rows[a]["nDCG@10"], rows[b]["nDCG@10"])
            for part, rows in (("all", values), ("even", on_even))
            for a, b in (("hybrid", "bm25"), ("hybrid", "dense"), ("dense", "bm25"))
        },
    }


def as_markdown(figures: dict[str, Any]) -> str:
    """One embedder's figures as a section of a results page."""
    lines = [
        f"## {figures['embedder']}",
        f"All 225 queries ({figures['chunks']:,} chunks):",
        as_table(figures["all"], "search"),
        "Even queries, which no setting was chosen on:",
        as_table(figures["even"], "search"),
        "Differences of nDCG@10, with the 95 % interval of a paired bootstrap over queries:",
        _differences(figures["differences"]),
    ]
    if "rerank" in figures:
        number = figures["rerank"]["queries"]
        lines += [
            f"Reranking, on {number} even queries:",
            as_table(figures["rerank"]["means"], "search"),
            _differences(figures["rerank"]["differences"]),
        ]
    return "\n\n".join(lines)


def _differences(differences: dict[str, dict[str, float]]) -> str:
    rows = [f"| {pair} | {d['mean']:+.3f} | {d['low']:+.3f} … {d['high']:+.3f} |" for pair, d in differences.items()]
    return "\n".join(["| nDCG@10 | mean | 95 % |", "|---|---|---|", *rows])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m eval.tasks.cranfield_study", description=__doc__.splitlines()[0])
    parser.add_argument("--embedder", default="e5-small-multilingual")
    parser.add_argument("--work", type=Path, default=None, help="keep the index here for the next run")
    parser.add_argument("--rerank", default=None, metavar="MODEL", help="also let this model rerank some queries")
    parser.add_argument("--tune", action="store_true", help="try settings of fusion on the odd queries instead")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true", help="also put the figures into eval/results")
    options = parser.parse_args()

    try:
        collection = load_cranfield(data_path("cranfield"))
    except EvaluationDataError as error:
        parser.exit(1, f"{error}\n")
    work = options.work / options.embedder if options.work else None
    with LocalEmbedder(options.embedder) as embedder, indexed(collection.passages, embedder, work) as index:
        if options.tune:
            tried = sorted(tune(index, half(collection.queries, odd=True)), key=lambda one: -one.ndcg)
            for one in tried:
                sys.stdout.write(f"{one.ndcg:.4f}  candidates {one.candidates}, k {one.k}, bm25 {one.bm25_weight}\n")
            return 0
        figures = report(options.embedder, index, collection.queries)
        arguments = ["--embedder", options.embedder, *(["--rerank", options.rerank] if options.rerank else [])]
        figures |= provenance("eval.tasks.cranfield_study", *arguments)
        if options.rerank:
            some = half(collection.queries, odd=False)[::4][:RERANKED_QUERIES]
            with open_model(options.rerank) as model:
                values = evaluate_reranking(index, some, model)
            without, reranked = values
            figures["rerank"] = {
                "queries": len(some),
                "means": {way: means(columns) for way, columns in values.items()},
                "differences": {
                    f"{reranked} - {without}": compare(values[reranked]["nDCG@10"], values[without]["nDCG@10"])
                },
            }
    if options.write:
        about = " ".join(__doc__.split("\n\n")[2].split())
        write_results(
            "cranfield-study", options.embedder, figures, title="Ways to search Cranfield", about=about,
            as_markdown=as_markdown,
        )  # fmt: skip
    sys.stdout.write((json.dumps(figures) if options.json else as_markdown(figures)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
