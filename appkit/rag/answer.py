"""`Answer`: what was said to a question, and the places in the documents it rests on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from appkit.messages import Citation
from appkit.retrieval.documents import Hit

Method = Literal["quotes", "generated"]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer to a question about documents.

    `[1]` in `text` is `citations[0]`. Where the documents do not answer, `answerable` is False, `text` says so in the
    language of the question and there are no citations.
    """

    question: str
    text: str
    citations: tuple[Citation, ...] = ()
    answerable: bool
    answerable_probability: float = 0.0  # what `answerable` was decided on, 0 to 1
    retrieved: tuple[Hit, ...] = ()  # what the search found, best first, cited or not
    method: Method = "quotes"
    timings: Mapping[str, float] = field(default_factory=dict)  # seconds: search_s, answer_s, total_s

    def to_json(self) -> dict[str, Any]:
        """Plain data for `json.dumps`."""
        return {
            "question": self.question,
            "answer": self.text,
            "answerable": self.answerable,
            "answerable_probability": round(self.answerable_probability, 4),
            "method": self.method,
            "citations": [_citation_to_json(number, c) for number, c in enumerate(self.citations, start=1)],
            "retrieved": [_hit_to_json(hit) for hit in self.retrieved],
            "timings": {name: round(seconds, 4) for name, seconds in self.timings.items()},
        }

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        from appkit.rag.html import answer_html

        return answer_html(self)


def _citation_to_json(number: int, citation: Citation) -> dict[str, Any]:
    return {
        "number": number,
        "file": citation.file,
        "page_number": citation.page_number,
        "start": citation.start,
        "end": citation.end,
        "quote": citation.quote,
    }


def _hit_to_json(hit: Hit) -> dict[str, Any]:
    chunk = hit.chunk
    return {
        "file": chunk.source,
        "page_number": chunk.page_number,
        "section": list(chunk.section_path),
        "start": chunk.start,
        "end": chunk.end,
        "text": chunk.text,
        "score": hit.score,
        "scores": dict(hit.scores),
    }
