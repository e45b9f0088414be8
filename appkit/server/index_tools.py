"""What a tool-using model may do with an index: search, ask, open a citation. Plain data in and out."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from appkit.retrieval.documents import Hit
from appkit.tools.search_tool import check_limit

if TYPE_CHECKING:
    from appkit.rag import Index

MAX_CONTEXT_CHARACTERS = 5_000
MAX_QUOTE_CHARACTERS = 20_000


class IndexTools:
    """The tools over the index that `open_index` gives, which is called once, when it is first needed.

    Owns the index; not for two threads at once. Every method raises ValueError or an AppkitError with one sentence for
    what a caller got wrong.
    """

    def __init__(self, open_index: "Callable[[], Index]") -> None:
        self._open_index = open_index

    def open(self) -> None:
        """Open the index now instead of at the first call."""
        _ = self._index

    def search(self, query: str, limit: int = 5, filter: str | None = None) -> dict[str, Any]:
        """{"passages": [file, page_number, section, start, end, text, score, scores]}, best first."""
        check_limit(limit)
        return {"passages": [hit_to_json(hit) for hit in self._index.search(query, limit=limit, filter=filter)]}

    def ask(self, question: str) -> dict[str, Any]:
        """answer, answerable, citations. The passages behind them are what `search` is for."""
        report = self._index.ask(question).to_json()
        return {key: report[key] for key in ("answer", "answerable", "citations")}

    def open_citation(self, file: str, start: int, end: int, context_characters: int = 500) -> dict[str, Any]:
        """file, start, end, before, quote, after."""
        if not 0 <= context_characters <= MAX_CONTEXT_CHARACTERS:
            raise ValueError(f"context_characters is {context_characters:,}; ask for 0 to {MAX_CONTEXT_CHARACTERS:,}.")
        text = self._index.document_text(file)
        if not 0 <= start < end <= len(text):
            raise ValueError(f"{file} has {len(text):,} characters; {start:,} to {end:,} is no part of it.")
        if end - start > MAX_QUOTE_CHARACTERS:
            raise ValueError(f"A citation of {end - start:,} characters is too long; at most {MAX_QUOTE_CHARACTERS:,}.")
        return {
            "file": file,
            "start": start,
            "end": end,
            "before": text[max(0, start - context_characters) : start],
            "quote": text[start:end],
            "after": text[end : end + context_characters],
        }

    @cached_property
    def _index(self) -> "Index":
        return self._open_index()


def hit_to_json(hit: Hit) -> dict[str, Any]:
    """The same fields as in `retrieved` of an answer."""
    chunk = hit.chunk
    return {
        "file": chunk.source,
        "page_number": chunk.page_number,
        "section": list(chunk.section_path),
        "start": chunk.start,
        "end": chunk.end,
        "text": chunk.text,
        "score": round(hit.score, 6),
        "scores": {name: round(score, 6) for name, score in hit.scores.items()},
    }
