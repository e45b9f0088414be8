"""An `Answer` as HTML for notebooks: the text, and each quote marked in the passage it stands in.

Every text is escaped: what documents hold is shown, never run.
"""

from html import escape

from appkit.messages import Citation
from appkit.rag.answer import Answer
from appkit.rag.citations import find_hit

CONTEXT_CHARACTERS = 160  # of the passage, before and after the quote


def answer_html(answer: Answer) -> str:
    """The answer as one `<div>` without scripts, links or outside resources."""
    sources = "".join(
        f"<li value='{number}'>{_citation_html(answer, citation)}</li>"
        for number, citation in enumerate(answer.citations, start=1)
    )
    listed = f"<ol style='font-size:90%'>{sources}</ol>" if sources else ""
    return f"<div><p style='white-space:pre-wrap'>{escape(answer.text)}</p>{listed}</div>"


def _citation_html(answer: Answer, citation: Citation) -> str:
    before, after = _context(answer, citation)
    page = "" if citation.page_number is None else f", p. {citation.page_number}"
    place = f"<b>{escape(citation.file)}</b>{page} ({citation.start}–{citation.end})"
    return f"{place}: {escape(before)}<mark>{escape(citation.quote)}</mark>{escape(after)}"


def _context(answer: Answer, citation: Citation) -> tuple[str, str]:
    """The passage's text around the quote, cut with an ellipsis where it goes on."""
    hit = find_hit(citation, answer.retrieved)
    if hit is None:
        return "", ""
    start, end = citation.start - hit.chunk.start, citation.end - hit.chunk.start
    before, after = hit.chunk.text[:start], hit.chunk.text[end:]
    if len(before) > CONTEXT_CHARACTERS:
        before = "…" + before[-CONTEXT_CHARACTERS:]
    if len(after) > CONTEXT_CHARACTERS:
        after = after[:CONTEXT_CHARACTERS] + "…"
    return before, after
