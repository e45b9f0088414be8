"""`Index`: documents as something to ask.

answer = Index.sync("~/notes").ask("How long is the warranty?")
print(answer.text, answer.citations[0].file)
"""

from collections.abc import Generator, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, Self

from appkit.llm.base import Embedder, LanguageModel
from appkit.llm.open import DEFAULT_MODEL, open_model
from appkit.messages import Citation
from appkit.rag.answer import Answer, Method
from appkit.rag.answering import answer_pieces
from appkit.rag.citations import verify
from appkit.rag.stream import AnswerStream
from appkit.retrieval.documents import Hit
from appkit.retrieval.index import DocumentIndex, default_index_path
from appkit.retrieval.report import DocumentInfo, IndexStats, SyncProgress, SyncReport
from appkit.retrieval.search import SearchMethod, search

if TYPE_CHECKING:
    import numpy as np

DEFAULT_LIMIT = 10  # chunks that are retrieved for a question


class Index:
    """An index and the questions asked of it. Owns what it opened; `close` gives it back.

    Made by `Index.sync` or `Index.open`. The embedder is opened when a search first needs it.
    """

    def __init__(self, documents: DocumentIndex, report: SyncReport | None = None) -> None:
        self._documents = documents
        self._report = report
        self._embedder = _IndexEmbedder(documents)

    @classmethod
    def sync(
        cls,
        folder: str | Path,
        *,
        embedder: Embedder | str | None = None,
        path: str | Path | None = None,
        progress: SyncProgress | None = None,
    ) -> Self:
        """Index `folder`, or bring its index in line with it, and open it.

        Args:
            embedder: for a new index; None chooses by the language of the documents.
            path: where the index lies; None keeps it below the data folder.
            progress: called with (files done, files in all, chunks done, chunks in all).

        Raises:
            RetrievalError: `folder` is none, or the index cannot be written or is another embedder's; its subclasses
                say which. Files that cannot be read are no error: see `report.skipped`.
        """
        place = default_index_path(folder) if path is None else path
        with ExitStack() as stack:
            documents = stack.enter_context(DocumentIndex.open(place, embedder=embedder, create=True))
            report = documents.sync(folder, progress=progress)
            stack.pop_all()
        return cls(documents, report)

    @classmethod
    def open(cls, folder_or_path: str | Path, *, embedder: Embedder | None = None) -> Self:
        """The index of a folder, or the one that lies at a path, as it is: nothing is synced.

        Raises:
            RetrievalError: there is none, or it is damaged, of another version or another embedder's.
        """
        default = default_index_path(folder_or_path)
        return cls(DocumentIndex.open(default if default.exists() else folder_or_path, embedder=embedder))

    @property
    def report(self) -> SyncReport | None:
        """What the sync that opened this index did; None where it was only opened."""
        return self._report

    @property
    def documents(self) -> list[DocumentInfo]:
        """Every document, by source."""
        return self._documents.documents()

    @property
    def embedder(self) -> Embedder:
        """The index's own embedder, opened when it is first used."""
        return self._embedder

    def stats(self) -> IndexStats:
        """Counts and sizes."""
        return self._documents.stats()

    def document_text(self, source: str) -> str:
        """The text that citations of `source` count characters of. Raises: RetrievalError: no such document."""
        return self._documents.document_text(source)

    def search(
        self,
        query: str,
        *,
        limit: int = DEFAULT_LIMIT,
        method: SearchMethod = "hybrid",
        filter: str | None = None,
        diversity: float | None = None,
        rerank: LanguageModel | None = None,
        expand: Literal["none", "section", "neighbours"] = "none",
    ) -> list[Hit]:
        """Chunks for `query`, best first. See `appkit.retrieval.search.search` for the arguments and errors."""
        return search(
            self._documents,
            query,
            limit=limit,
            method=method,
            filter=filter,
            diversity=diversity,
            rerank=rerank,
            expand=expand,
        )

    def ask(
        self,
        question: str,
        *,
        model: LanguageModel | str | Path | None = None,
        method: Method | None = None,
        limit: int = DEFAULT_LIMIT,
        search_method: SearchMethod = "hybrid",
        filter: str | None = None,
        query: str | None = None,
    ) -> Answer:
        """Answer from the documents, or say that they hold no answer.

        Args:
            model: writes the answer; a name is opened for this question alone. None leaves it to quotes.
            method: "quotes" (sentences of the documents, word for word) or "generated". None: generated where a model
                is given.
            limit: how many chunks to retrieve; the first few are read for an answer.
            filter: which chunks may be found; see `search`.
            query: what to search for, where the question alone does not say it.

        Raises:
            ValueError: the question is blank, or an argument is out of range.
            CapabilityError, ContextOverflowError: the model cannot do it.
        """
        return self.stream(
            question,
            model=model,
            method=method,
            limit=limit,
            search_method=search_method,
            filter=filter,
            query=query,
        ).result()

    def stream(
        self,
        question: str,
        *,
        model: LanguageModel | str | Path | None = None,
        method: Method | None = None,
        limit: int = DEFAULT_LIMIT,
        search_method: SearchMethod = "hybrid",
        filter: str | None = None,
        query: str | None = None,
    ) -> AnswerStream:
        """The same piece by piece: `for piece in index.stream("…"): print(piece, end="")`.

        Errors of searching and writing come with the first piece.
        """
        if method not in (None, "quotes", "generated"):
            raise ValueError(f"method is {method!r}; it can be quotes or generated.")
        options: dict[str, Any] = {"limit": limit, "method": search_method, "filter": filter}
        chosen: Method = method or ("quotes" if model is None else "generated")
        return AnswerStream(self._pieces(question, query or question, chosen, model, options))

    def verify_citations(self, citations: Sequence[Citation]) -> list[str]:
        """What is wrong with `citations`, a sentence each; empty where every quote stands in its document as cited."""
        return verify(citations, self._documents)

    def close(self) -> None:
        """Close the index, and its embedder if it opened that itself. Twice is harmless."""
        self._documents.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _pieces(
        self,
        question: str,
        query: str,
        method: Method,
        model: LanguageModel | str | Path | None,
        options: dict[str, Any],
    ) -> Generator[str, None, Answer]:
        start = perf_counter()
        hits = search(self._documents, query, **options)
        search_s = perf_counter() - start
        with ExitStack() as stack:
            opened: LanguageModel | None = None
            if method == "generated":
                chosen = DEFAULT_MODEL if model is None else model
                opened = stack.enter_context(open_model(chosen)) if isinstance(chosen, str | Path) else chosen
            return (
                yield from answer_pieces(
                    question,
                    hits,
                    query=query,
                    method=method,
                    embedder=self._embedder if hits else None,
                    model=opened,
                    search_s=search_s,
                    page_number_at=self._page_number_at,
                )
            )

    def _page_number_at(self, source: str, offset: int) -> int | None:
        return self._documents.document(source).page_number_at(offset)


class _IndexEmbedder:
    """The index's own embedder, opened when it is first used."""

    def __init__(self, documents: DocumentIndex) -> None:
        self._documents = documents

    @property
    def name(self) -> str:
        return self._documents.embedder_name

    @property
    def dim(self) -> int:
        return self._documents.stats().dim

    def embed(self, texts: Sequence[str], kind: Literal["query", "document"] = "document") -> "np.ndarray":
        import numpy as np

        if kind == "query":
            return np.stack([self._documents.embed_query(text) for text in texts])
        return self._documents.embed_texts(texts)
