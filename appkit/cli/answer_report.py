"""An answer from documents as a person reads it: the text, then each source with the quote where it stands."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from appkit.cli.index_report import place
from appkit.cli.printable import highlighted, on_one_line, printable, reflowed
from appkit.messages import Citation

if TYPE_CHECKING:
    from appkit.rag import Answer

CONTEXT_COLUMNS = 60  # of the paragraph, before and after a quote
SURROUNDING_CHARACTERS = 1_000  # where a source is opened


def print_answer(answer: "Answer") -> None:
    """The whole answer at once, with its sources."""
    print_text([answer.text])
    print_sources(answer)


def print_text(pieces: Iterable[str]) -> None:
    """The answer's text as it comes."""
    for piece in pieces:
        sys.stdout.write(reflowed(piece))
        sys.stdout.flush()
    sys.stdout.write("\n")


def print_sources(answer: "Answer") -> None:
    """`[1] file, page, section`, and under it the quote among its neighbours."""
    from appkit.rag.citations import find_hit

    for number, citation in enumerate(answer.citations, start=1):
        before = after = ""
        section: tuple[str, ...] = ()
        if (hit := find_hit(citation, answer.retrieved)) is not None:
            section = hit.chunk.section_path
            # The paragraph is context enough; a heading before it is named in the line above.
            before = hit.chunk.text[: citation.start - hit.chunk.start].rpartition("\n\n")[2]
            before = before.removeprefix(section[-1] if section else "")
            after = hit.chunk.text[citation.end - hit.chunk.start :].partition("\n\n")[0]
        sys.stdout.write(f"[{number}] {place(citation.file, citation.page_number, section)}\n")
        sys.stdout.write(f"    {quote_in_context(before, citation.quote, after)}\n")


def quote_in_context(before: str, quote: str, after: str) -> str:
    """`…before quote after…` on one line, the quote highlighted; what surrounds it is cut, at a space if it can be."""
    before, after = on_one_line(before), on_one_line(after)
    limit = CONTEXT_COLUMNS if quote.isascii() else CONTEXT_COLUMNS // 2  # Chinese characters are two columns wide
    if len(before) > limit:
        cut = before[-limit:]
        before = "…" + cut[cut.find(" ") + 1 :]
    if len(after) > limit:
        cut = after[:limit]
        after = (cut[: cut.rfind(" ")] if " " in cut else cut) + "…"
    return " ".join(part for part in (before, highlighted(on_one_line(quote)), after) if part)


def citation_with_surroundings(citation: Citation, document_text: str) -> str:
    """Several paragraphs of the document with the quote highlighted among them."""
    before = document_text[max(0, citation.start - SURROUNDING_CHARACTERS) : citation.start]
    after = document_text[citation.end : citation.end + SURROUNDING_CHARACTERS]
    header = place(citation.file, citation.page_number)
    return f"{header}\n\n{printable(before)}{highlighted(printable(citation.quote))}{printable(after)}".rstrip()
