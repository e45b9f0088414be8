"""The Cranfield collection: 1,400 abstracts on aerodynamics, 225 queries. How well does a search find what is relevant?

No model is asked. Whatever the search, the index is the same one, embedded by the same embedder, so that two searches
differ in nothing else. The defaults of hybrid search were chosen on odd queries (`eval.tasks.cranfield_study`).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, get_args

from appkit import LanguageModel, LocalEmbedder
from appkit.retrieval.index import DocumentIndex
from appkit.retrieval.search import SearchMethod, search
from eval.harness.data import data_path
from eval.harness.task import Answered, Measure, Sample
from eval.tasks.collection import Query, indexed, ranked_passages
from eval.tasks.cranfield_data import load_cranfield
from eval.tasks.mean_figures import mean_figures
from eval.tasks.python_task import AskedSession, PythonTask
from eval.tasks.retrieval_figures import MEASURES as OF_RANKINGS
from eval.tasks.task_settings import check_known, one_of, text

SEARCHES: tuple[SearchMethod, ...] = get_args(SearchMethod)
ABOUT = "search without a model: are relevant abstracts on aerodynamics ranked first?"
SETTINGS = {
    "search": f"{', '.join(SEARCHES)}; hybrid unless given",
    "embedder": "makes the vectors of the index; minilm-l6 unless given",
}
EMBEDDER = "minilm-l6"
NAMES = ("nDCG@10", "recall@10", "recall@100", "MRR", "MAP")
HITS = 100
MEASURES = tuple(
    Measure(name=name, signature="gain:linear" if name.startswith("nDCG") else f"hits:{HITS}") for name in NAMES
)


def make_task(settings: Mapping[str, Any]) -> PythonTask:
    """The task. Raises ValueError for settings it does not have."""
    check_known("cranfield", settings, SETTINGS)
    way = one_of(settings, "search", SEARCHES, "hybrid")
    embedder = text(settings, "embedder") or EMBEDDER
    return PythonTask(
        name="cranfield",
        about=ABOUT,
        version="1",
        output_type="retrieval",
        measures=MEASURES,
        settings={"search": way, "embedder": embedder},
        open_session=partial(_open, way, embedder),
        needs_model=False,
    )


@contextmanager
def _open(way: SearchMethod, embedder: str, _: LanguageModel | None, limit: int | None) -> Iterator[AskedSession]:
    collection = load_cranfield(data_path("cranfield"))
    with LocalEmbedder(embedder) as opened, indexed(collection.passages, opened) as index:
        yield AskedSession(
            samples=[_sample(idx, query) for idx, query in enumerate(collection.queries[:limit])],
            ask=partial(ask, index, way),
            figures=partial(mean_figures, MEASURES),
        )


def ask(index: DocumentIndex, way: SearchMethod, sample: Sample) -> Answered:
    """Search once and measure the ranking."""
    query = sample.doc["query"]
    hits = search(index, query, limit=HITS, method=way)
    ranking = ranked_passages(hits)
    return Answered(
        arguments=[(query, {"search": way, "limit": HITS})],
        resps=[[{"file": hit.chunk.source, "start": hit.chunk.start, "score": hit.score} for hit in hits]],
        filtered_resps=[ranking],
        values={name: OF_RANKINGS[name](ranking, sample.target) for name in NAMES},
    )


def _sample(doc_id: int, query: Query) -> Sample:
    return Sample(doc_id=doc_id, doc={"id": query.query_id, "query": query.text}, target=dict(query.grades))
