"""Comma- and tab-separated values: each row becomes lines of "header: value", a section of its own."""

import csv
import io
from collections.abc import Iterator

from appkit.retrieval.loaders.content import Content, TextBuilder
from appkit.retrieval.loaders.errors import UnusableContentError
from appkit.retrieval.loaders.plain_text import decode_clean

DELIMITERS = ",;\t|"
MAX_CELL_CHARS = 1 << 24
_SAMPLE_CHARS = 1 << 16


def read_csv(data: bytes) -> Content:
    """Rows of a table whose delimiter is the most frequent of , ; | and tab in its first line."""
    text, metadata = decode_clean(data)
    first_line = text.lstrip("\n")[:_SAMPLE_CHARS].partition("\n")[0]
    unquoted = "".join(first_line.split('"')[::2])
    return _read_rows(text, max(DELIMITERS, key=unquoted.count)).content(metadata=metadata)


def read_tsv(data: bytes) -> Content:
    """Rows of a table with tabs between its cells."""
    text, metadata = decode_clean(data)
    return _read_rows(text, "\t").content(metadata=metadata)


def _read_rows(text: str, delimiter: str) -> TextBuilder:
    """Text such as "name: Pump\\nstock: 3", an empty line between rows; empty cells are left out.

    A section is called "row 7" after the number of the row, the header being row 1 as in a spreadsheet.
    """
    builder = TextBuilder()
    header: list[str] | None = None
    for number, row in _rows(text, delimiter):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if header is None:
            if not all(_is_number(cell) for cell in cells if cell):
                header = cells
                continue
            header = []  # a table of nothing but numbers has no header
        builder.end_line(2)
        builder.add_heading(f"row {number}", 1)
        for idx, cell in enumerate(cells):
            if cell:
                name = header[idx] if idx < len(header) and header[idx] else f"column {idx + 1}"
                builder.add(f"{name}: {cell}\n")
    if header and not builder.length:  # nothing but a header: it is the text
        builder.add(" | ".join(header) + "\n")
    return builder


def _rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    old_limit = csv.field_size_limit(MAX_CELL_CHARS)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        yield from enumerate(reader, start=1)
    except csv.Error as error:
        raise UnusableContentError("corrupt", f"Line {reader.line_num} is no row of a table: {error}.") from error
    finally:
        csv.field_size_limit(old_limit)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
