"""Documents for tests of splitters, and a counter whose counts can be made by hand."""

import re

from appkit.retrieval.documents import Document, Section


def count_words(text: str) -> int:
    """A token for each Latin word, each Chinese character and each mark."""
    return len(re.findall(r"[A-Za-z0-9_]+|[^\sA-Za-z0-9_]", text))


def document(text: str, media_type: str = "text/plain", sections: tuple[Section, ...] = ()) -> Document:
    """A document that has nothing but its text."""
    return Document(source="a", text=text, media_type=media_type, sha256="", title="a", sections=sections)


def markdown(text: str) -> Document:
    """A Markdown document with the sections of its # headings."""
    headings = [(match.start(), len(match[1]), match[2]) for match in re.finditer(r"^(#+) (.+)$", text, re.M)]
    sections = []
    for idx, (start, level, title) in enumerate(headings):
        end = next((later for later, other, _ in headings[idx + 1 :] if other <= level), len(text))
        sections.append(Section(title=title, level=level, start=start, end=end))
    return document(text, "text/markdown", tuple(sections))


def row_table(num_rows: int) -> Document:
    """A table as it is loaded: a section a row, an empty line between."""
    text, sections = "", []
    for number in range(2, num_rows + 2):
        row = f"name: Pump {number}\nstock: {number * 10}\n\n"
        sections.append(Section(title=f"row {number}", level=1, start=len(text), end=len(text) + len(row)))
        text += row
    return document(text, "text/csv", tuple(sections))
