"""Citations: numbered, and only ever of what a search found.

A `Citation` holds a file, a span in characters and the quote itself. `[1]` in an answer's text is `citations[0]`.
"""

import re
from collections.abc import Sequence
from typing import Protocol

from appkit.messages import Citation
from appkit.retrieval.documents import Hit

_NUMBER = re.compile(r"\[(\d{1,6})\]")


class DocumentTexts(Protocol):
    """Whatever can give the text of a document that it indexed, such as a `DocumentIndex`."""

    def document_text(self, source: str) -> str: ...


def cite(hit: Hit, start: int, end: int, page_number: int | None = None) -> Citation:
    """The span `start` to `end` of the chunk's document as a citation.

    Args:
        start, end: characters of the document, inside the chunk.
        page_number: of `start`; None takes the chunk's own.

    Raises:
        ValueError: the span is empty or not inside what was retrieved.
    """
    chunk = hit.chunk
    if not chunk.start <= start < end <= chunk.end:
        raise ValueError(
            f"The span {start} to {end} is not inside the chunk {chunk.start} to {chunk.end} of {chunk.source}: "
            "only retrieved text can be cited."
        )
    return Citation(
        file=chunk.source,
        quote=chunk.text[start - chunk.start : end - chunk.start],
        start=start,
        end=end,
        page_number=chunk.page_number if page_number is None else page_number,
    )


def cited_numbers(text: str) -> list[int]:
    """Numbers in square brackets, in order of appearance, each once."""
    return list(dict.fromkeys(int(match) for match in _NUMBER.findall(text)))


def find_hit(citation: Citation, hits: Sequence[Hit]) -> Hit | None:
    """The retrieved chunk that holds the cited span; None for a citation of something else."""
    return next(
        (
            hit
            for hit in hits
            if hit.chunk.source == citation.file and hit.chunk.start <= citation.start and citation.end <= hit.chunk.end
        ),
        None,
    )


def verify(citations: Sequence[Citation], documents: DocumentTexts) -> list[str]:
    """What is wrong with `citations`, a sentence each; empty where every quote stands in its document as cited."""
    problems: list[str] = []
    for number, citation in enumerate(citations, start=1):
        try:
            text = documents.document_text(citation.file)
        except (LookupError, ValueError) as error:
            problems.append(f"[{number}] names {citation.file}, which is not in the index: {error}")
            continue
        except Exception as error:  # an index names its own errors
            problems.append(f"[{number}] {citation.file} could not be read from the index: {error}")
            continue
        if text[citation.start : citation.end] != citation.quote:
            problems.append(
                f"[{number}] {citation.file} does not hold the quote at characters {citation.start} to {citation.end}: "
                "the document changed since it was cited."
            )
    return problems
