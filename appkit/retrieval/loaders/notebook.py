"""Jupyter notebooks: Markdown cells as they are, code cells as fenced code; outputs are left out.

The text is Markdown, so headings in Markdown cells are sections.
"""

import re
from dataclasses import replace
from typing import Any

from appkit.retrieval.loaders.characters import clean
from appkit.retrieval.loaders.content import Content, TextBuilder
from appkit.retrieval.loaders.errors import UnusableContentError
from appkit.retrieval.loaders.json_tree import parse_json
from appkit.retrieval.loaders.markdown import find_headings
from appkit.retrieval.loaders.plain_text import decode_clean

_LANGUAGE = re.compile(r"[\w+#.-]{1,40}")


def read_notebook(data: bytes) -> Content:
    """The cells in order, an empty line between them."""
    text, metadata = decode_clean(data)
    notebook = parse_json(text)
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise UnusableContentError("corrupt", "It is not a notebook of format 4: it has no list of cells.")
    builder = TextBuilder()
    language = _language(notebook)
    for number, cell in enumerate(cells, start=1):
        kind, source = _cell(cell, number)
        source, num_removed = clean(source)
        builder.num_removed += num_removed
        if not source.strip():
            continue
        builder.end_line(2)
        if kind == "code":
            source = _fenced(source, language)
        else:  # headings are looked for cell by cell: an unclosed fence ends with its cell
            builder.headings += [replace(h, start=h.start + builder.length) for h in find_headings(source)]
        builder.add(source)
    is_titled = bool(builder.headings) and builder.headings[0].level == 1
    return builder.content(title=builder.headings[0].title if is_titled else "", metadata=metadata)


def _cell(cell: Any, number: int) -> tuple[str, str]:
    """Kind and source of a cell; the source is a text, or a list of lines with their ends."""
    if isinstance(cell, dict):
        source = cell.get("source", "")
        lines = source if isinstance(source, list) else [source]
        if all(type(line) is str for line in lines):
            return str(cell.get("cell_type")), "".join(lines)
    raise UnusableContentError("corrupt", f"Cell {number} of the notebook has no text as its source.")


def _language(notebook: dict[str, Any]) -> str:
    """As a fence names it; empty where the notebook does not say."""
    value: Any = notebook
    for key in ("metadata", "kernelspec", "language"):
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) and _LANGUAGE.fullmatch(value) else ""


def _fenced(source: str, language: str) -> str:
    """Code between fences longer than any in it."""
    longest = max(map(len, re.findall("`+", source)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{source.rstrip()}\n{fence}\n"
