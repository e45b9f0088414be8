"""Labelled rows from a file: JSON Lines, or a table with a header line. Nothing is guessed, cut or left out.

A file comes from outside: its size, rows and nesting are bounded, and every row that cannot be used is named with its
line. The encoding is found as for documents (`retrieval/loaders/encoding.py`): UTF-8, GB18030, or what a byte-order
mark says.
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from appkit.errors import AppkitError
from appkit.retrieval.loaders.encoding import decode
from appkit.retrieval.loaders.errors import UnusableContentError
from appkit.retrieval.loaders.table import DELIMITERS
from appkit.strict_json import loads

MAX_FILE_BYTES = 64 << 20
TABLES = (".csv", ".tsv")
JSON_LINES = (".jsonl", ".ndjson")
_NUM_FAULTS_SHOWN = 5

Row = dict[str, Any]
Fault = tuple[int, str]  # line number, what is wrong there


class ExampleFileError(AppkitError):
    """The file at `path` cannot be used as examples; `lines` are the numbers of its bad lines, if that is why."""

    def __init__(self, path: Path, message: str, lines: Sequence[int] = ()) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.lines = tuple(lines)


def read_rows(path: Path, *, max_rows: int) -> list[tuple[int, Row]]:
    """Every row with the number of its first line, counted from 1. Blank lines are no rows.

    Raises:
        ExampleFileError: the file is of another kind, is too large, holds more than `max_rows`, or some rows cannot be
            read: up to five are named.
        OSError: it cannot be opened.
    """
    suffix = path.suffix.lower()
    if suffix not in (*TABLES, *JSON_LINES):
        known = ", ".join((*JSON_LINES, *TABLES))
        raise ExampleFileError(path, f"examples are read from files that end in {known}; this one ends in {suffix!r}.")
    text = _read_text(path)
    rows = _table_rows(text, "\t" if suffix == ".tsv" else None) if suffix in TABLES else _json_rows(text)
    try:
        found = list(islice(rows, max_rows + 1))
    except UnusableContentError as error:
        raise ExampleFileError(path, error.detail) from error
    if len(found) > max_rows:
        raise ExampleFileError(path, f"it holds more than {max_rows:,} rows, the most a store takes; sample them.")
    faults = [(line, row) for line, row in found if isinstance(row, str)]
    raise_faults(path, faults, len(found))
    return [(line, row) for line, row in found if not isinstance(row, str)]


def raise_faults(path: Path, faults: Sequence[Fault], num_rows: int) -> None:
    """Raise ExampleFileError that names the first faults, where there are any."""
    if not faults:
        return
    shown = "; ".join(f"line {line}: {what}" for line, what in faults[:_NUM_FAULTS_SHOWN])
    more = f"; and {len(faults) - _NUM_FAULTS_SHOWN} more" if len(faults) > _NUM_FAULTS_SHOWN else ""
    raise ExampleFileError(
        path, f"{len(faults)} of {num_rows} rows cannot be used. {shown}{more}.", [line for line, _ in faults]
    )


def name_some(names: Sequence[str]) -> str:
    """Column names for a message: ten at most, however many a file has."""
    shown = ", ".join(f"{name[:40]!r}" for name in names[:10])
    return f"{shown} and {len(names) - 10} more" if len(names) > 10 else shown or "none"


def _read_text(path: Path) -> str:
    if path.exists() and not path.is_file():
        raise ExampleFileError(path, "it is no ordinary file.")  # a pipe could keep us waiting for ever
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        limit = MAX_FILE_BYTES >> 20
        raise ExampleFileError(path, f"it is larger than {limit} MiB, the most that is read into memory; split it.")
    try:
        return decode(data)[0]
    except UnusableContentError as error:
        raise ExampleFileError(path, error.detail) from error


def _json_rows(text: str) -> Iterator[tuple[int, Row | str]]:
    """Each line as an object, or what is wrong with it."""
    # Not splitlines: U+2028 may stand inside a JSON text. Not split: a file of line breaks would become a huge list.
    for number, line in enumerate(io.StringIO(text, newline="\n"), start=1):
        if line.strip():
            yield number, _json_object(line)


def _json_object(line: str) -> Row | str:
    try:
        row = loads(line, object_pairs_hook=_without_repeats)
    except json.JSONDecodeError as error:
        return f"it is not JSON: {error.msg} at character {error.pos + 1}"
    except (ValueError, RecursionError) as error:
        return f"it is no JSON object that can be used: {error}"
    return row if isinstance(row, dict) else f"it is a JSON {type(row).__name__}, not an object {{…}}"


def _without_repeats(pairs: list[tuple[str, Any]]) -> Row:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {repeated!r} stands in one object twice")
    return row


def _table_rows(text: str, delimiter: str | None) -> Iterator[tuple[int, Row | str]]:
    """Each row by the names of the header, cells as they are written; or what is wrong with it."""
    rows = _cells(text, delimiter or _delimiter(text))
    _, header = next(rows, (0, []))
    names = [name.strip() for name in header]
    if not names or not all(names) or len(set(names)) < len(names):
        raise UnusableContentError(
            "corrupt",
            f"its first line must name every column once, and it is {name_some(header)}.",
        )
    for number, cells in rows:
        if len(cells) == len(names):
            yield number, dict(zip(names, cells, strict=True))
        else:
            yield number, f"it has {len(cells)} cells where the header names {len(names)} columns"


def _cells(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 1
    try:
        for cells in reader:
            if cells:
                yield number, cells
            number = reader.line_num + 1
    except csv.Error as error:
        raise UnusableContentError("corrupt", f"line {number} is no row of a table: {error}.") from error


def _delimiter(text: str) -> str:
    """The most frequent of , ; | and tab outside quotes in the first line."""
    unquoted = "".join(text.lstrip("\r\n").partition("\n")[0].split('"')[::2])
    return max(DELIMITERS, key=unquoted.count)
