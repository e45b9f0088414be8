"""Rows of a data set from local files: JSON Lines, a JSON list, or CSV. Nothing is guessed at, cut or left out.

The files come from outside: size, rows and nesting are bounded, and what cannot be used is named with its line.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from appkit.errors import EvaluationDataError
from appkit.strict_json import loads

FileKind = Literal["json", "csv"]
MAX_FILE_BYTES = 64 << 20
MAX_LIST_BYTES = 16 << 20  # of a JSON list, which is read whole
MAX_ROWS = 500_000
MAX_COLUMNS = 1_000
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,17})", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row and where it stands."""

    place: str  # "questions.jsonl, line 12"
    values: Mapping[str, Any]

    def error(self, problem: str) -> EvaluationDataError:
        """To raise: `problem` says what is wrong with this row, and the way out."""
        return EvaluationDataError(f"{self.place}: {problem}", self.place)


def read_rows(paths: Sequence[Path], kind: FileKind) -> list[Row]:
    """All rows of the files, in order.

    Raises:
        EvaluationDataError: a file cannot be read, is too large, holds what is no row, or they hold no rows at all.
    """
    rows: list[Row] = []
    for path in paths:
        text = _read_text(path)
        found = _csv_rows(path, text) if kind == "csv" else _json_rows(path, text)
        rows += islice(found, MAX_ROWS + 1 - len(rows))
        if len(rows) > MAX_ROWS:
            raise _error(path, f"there are more than {MAX_ROWS:,} rows; take a sample of them")
    if not rows:
        raise _error(paths[0], "there are no rows; an evaluation needs one at least")
    return rows


def _read_text(path: Path) -> str:
    if not path.is_file():
        raise _error(path, "there is no such file")
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise _error(path, f"it is larger than {MAX_FILE_BYTES >> 20} MiB, the most that is read; split it")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _error(path, f"byte {error.start} is not UTF-8; save the file as UTF-8") from error


def _json_rows(path: Path, text: str) -> Iterator[Row]:
    if text.lstrip()[:1] == "[":
        return _list_rows(path, text)
    return _line_rows(path, text)


def _line_rows(path: Path, text: str) -> Iterator[Row]:
    # Not splitlines: U+2028 may stand inside a JSON text.
    for number, line in enumerate(io.StringIO(text, newline="\n"), start=1):
        if line.strip():
            yield _row(f"{path}, line {number}", _parsed(path, f"line {number}", line))


def _list_rows(path: Path, text: str) -> Iterator[Row]:
    if len(text) > MAX_LIST_BYTES:
        raise _error(path, f"it is one list of over {MAX_LIST_BYTES >> 20} MiB; write an object a line instead")
    for number, value in enumerate(_parsed(path, "it", text), start=1):
        yield _row(f"{path}, row {number}", value)


def _parsed(path: Path, what: str, text: str) -> Any:
    try:
        value = loads(text, object_pairs_hook=_without_repeats)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise _error(
            path, f"{what} is not JSON: {error.msg} at line {error.lineno}, character {error.colno}"
        ) from error
    except UnicodeEncodeError as error:
        raise _error(path, f"{what} holds half of a surrogate pair (\\ud800 … \\udfff), which is no text") from error
    except RecursionError as error:
        raise _error(path, f"{what} is nested too deeply") from error
    except ValueError as error:
        raise _error(path, f"{what} is no JSON that can be used: {error}") from error
    return value


def _row(place: str, value: Any) -> Row:
    if not isinstance(value, dict):
        raise EvaluationDataError(f"{place}: it is {_shown(value)}, and a row is an object {{…}}.", place)
    return Row(place=place, values=value)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {repeated!r} stands in one object twice")
    return row


def _csv_rows(path: Path, text: str) -> Iterator[Row]:
    cells = _cells(path, text)
    _, names = next(cells, (0, []))
    if not names or len(names) > MAX_COLUMNS or not all(names) or len(set(names)) < len(names):
        raise _error(path, f"its first line must name every column once, {MAX_COLUMNS:,} at most")
    found: list[tuple[int, list[str]]] = []
    for line, row in cells:
        if len(row) != len(names):
            raise _error(path, f"line {line} has {len(row)} cells where the first line names {len(names)} columns")
        found.append((line, row))
        if len(found) > MAX_ROWS:
            break
    types = [_type_of([row[idx] for _, row in found]) for idx in range(len(names))]
    for line, row in found:
        values = {name: make(cell) for name, make, cell in zip(names, types, row, strict=True)}
        yield Row(place=f"{path}, line {line}", values=values)


def _cells(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if path.suffix == ".tsv" else ",", strict=True)
    line = 1
    try:
        for row in reader:
            if row:
                yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise _error(path, f"line {line} is no row of a table: {error}") from error


def _type_of(cells: Sequence[str]) -> Callable[[str], Any]:
    """What a column holds: whole numbers, so that a label is an index, where all cells are that and nothing is lost."""
    return int if cells and all(map(_WHOLE.fullmatch, cells)) else str


def _error(path: Path, problem: str) -> EvaluationDataError:
    return EvaluationDataError(f"{path}: {problem}.", str(path))


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
