"""A test collection for retrieval: passages, queries, and which passages answer which query."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from appkit import Embedder
from appkit.retrieval.documents import Hit
from appkit.retrieval.index import DocumentIndex


@dataclass(frozen=True)
class Query:
    """A question and the grade of every judged passage, by its name."""

    query_id: str
    text: str
    grades: Mapping[str, int]


@dataclass(frozen=True)
class Collection:
    """Passages by name, and queries that each have a relevant one. A passage without text is one that nothing finds."""

    passages: Mapping[str, str]
    queries: tuple[Query, ...]

    def __post_init__(self) -> None:
        for query in self.queries:
            unknown = query.grades.keys() - self.passages.keys()
            if unknown:
                raise ValueError(f"Query {query.query_id} has judgements of passages that are not there: {unknown}.")
            if not any(grade > 0 for grade in query.grades.values()):
                raise ValueError(f"Query {query.query_id} has no relevant passage, so it measures nothing.")


@contextmanager
def indexed(passages: Mapping[str, str], embedder: Embedder, folder: Path | None = None) -> Iterator[DocumentIndex]:
    """An index of the passages, made the way a user's is: one text file each, and `sync`.

    Args:
        passages: by name; a name may hold "/" and becomes the document's source, with ".txt" behind it.
        folder: where files and index stay, so that the next run need not embed again; None for a temporary one.
    """
    with TemporaryDirectory() as temporary:
        base = folder or Path(temporary)
        files = base / "passages"
        for name, text in passages.items():
            if not text.strip():
                continue  # nothing to find; a sync would skip the file
            path = files / f"{name}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() or path.read_text("utf-8") != text:
                path.write_text(text, "utf-8")
        with DocumentIndex.open(base / "index", embedder=embedder, create=True) as index:
            report = index.sync(files)
            if report.skipped:
                first = report.skipped[0]
                raise ValueError(
                    f"{len(report.skipped)} passages were not indexed, first {first.source}: {first.detail}"
                )
            yield index


def ranked_passages(hits: Sequence[Hit]) -> list[str]:
    """Names of the passages in order of their best chunk."""
    return list(dict.fromkeys(hit.chunk.source.removesuffix(".txt") for hit in hits))
