"""A file of examples, one JSON object a line, as typed examples; and every line that cannot be one, with the reason."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.errors import TrainingDataError
from runtime.strict_json import loads, unique_keys
from runtime.training.data.example import SkippedLine
from runtime.training.data.formats import FORMATS, Format, RawExample, format_of

MAX_LINE_BYTES = 16 << 20
MAX_LINES = 10_000_000
_KNOWN_KEYS = sorted({key for format in FORMATS for key in format.keys})


@dataclass(frozen=True, kw_only=True)
class RawLine:
    """An example and where it stood."""

    line_number: int
    example: RawExample


@dataclass(frozen=True, kw_only=True)
class RawData:
    """A file as read: every line that is not blank is in `lines` or in `bad`."""

    path: Path
    format: str
    lines: tuple[RawLine, ...]
    bad: tuple[SkippedLine, ...]
    ignored_keys: tuple[str, ...]  # that the format does not know, as named in the file


def read_examples(path: str | Path, *, fields: Mapping[str, str] | None = None) -> RawData:
    """Every example of a JSON Lines file. All lines have one format, which the keys of the first good line tell.

    Args:
        fields: key of a format → what this file calls it, as in {"prompt": "question", "completion": "answer"}.

    Raises:
        TrainingDataError: the file is missing, empty, of no known format or of several, or not one object a line.
        ValueError: `fields` names a key that no format has.
    """
    path = Path(path)
    names = _checked_fields(fields or {})
    lines: list[RawLine] = []
    bad: list[SkippedLine] = []
    ignored: set[str] = set()
    format: Format | None = None
    first_line = 0
    for line_number, data in _lines(path):
        try:
            line = _renamed(_object(data), names)
        except ValueError as error:
            bad.append(SkippedLine(line_number=line_number, reason=str(error)))
            continue
        found = format_of(line)
        if format is None:
            format, first_line = _recognised(found, line, path, line_number), line_number
        if found is not format:
            if found is not None:
                raise _mixed(path, format, first_line, found, line_number)
            missing = ", ".join(f'"{names.get(key, key)}"' for key in format.needed if key not in line)
            bad.append(SkippedLine(line_number=line_number, reason=f"it lacks {missing}"))
            continue
        ignored |= set(line) - set(format.keys)
        try:
            lines.append(RawLine(line_number=line_number, example=format.read(line)))
        except ValueError as error:
            bad.append(SkippedLine(line_number=line_number, reason=str(error)))
    if format is None:
        raise _nothing(path, bad)
    return RawData(
        path=path, format=format.name, lines=tuple(lines), bad=tuple(bad), ignored_keys=tuple(sorted(ignored))
    )


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Number, from 1, and bytes of every line that is not blank."""
    try:
        with path.open("rb") as file:
            number = 0
            while data := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(data) > MAX_LINE_BYTES or number > MAX_LINES:
                    raise TrainingDataError(
                        f"{path} has more than {MAX_LINE_BYTES >> 20} MiB in line {number:,}, or more than "
                        f"{MAX_LINES:,} lines: split it.",
                        path,
                        number,
                    )
                if number == 1:
                    data = data.removeprefix(b"\xef\xbb\xbf")  # a mark that some editors put there
                    _check_is_lines(path, data)
                if data.strip():
                    yield number, data
    except OSError as error:
        raise TrainingDataError(f"{path} cannot be read: {error.strerror or error}.", path) from error


def _check_is_lines(path: Path, first: bytes) -> None:
    if first.lstrip().startswith(b"["):
        raise TrainingDataError(
            f"{path} is a JSON list; training reads one object a line. To make it so: "
            f"jq -c '.[]' {path.name} > {path.stem}-lines.jsonl",
            path,
            1,
        )


def _object(data: bytes) -> dict[str, Any]:
    try:
        line = loads(data.decode("utf-8").rstrip("\r\n"), object_pairs_hook=unique_keys)
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8 (byte {error.start})") from error
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError as error:
        reason = f"{error.msg} at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise ValueError(f"it is not JSON ({reason[:120]})") from error
    if not isinstance(line, dict):
        raise ValueError("it is no JSON object")
    return line


def _checked_fields(fields: Mapping[str, str]) -> dict[str, str]:
    unknown = [key for key in fields if key not in _KNOWN_KEYS]
    if unknown:
        raise ValueError(f"No format has the field {unknown[0]!r}; there are {', '.join(_KNOWN_KEYS)}.")
    return dict(fields)


def _renamed(line: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The line with its keys called as the formats call them. A mapped field that is absent stays absent."""
    rest = {key: value for key, value in line.items() if key not in names.values() and key not in names}
    return {**rest, **{key: line[name] for key, name in names.items() if name in line}}


def _recognised(found: Format | None, line: Mapping[str, Any], path: Path, line_number: int) -> Format:
    if found is not None:
        return found
    keys = ", ".join(f'"{key[:40]}"' for key in list(line)[:12]) or "no keys"
    known = "; ".join(" + ".join(format.needed) for format in FORMATS)
    raise TrainingDataError(
        f"{path}, line {line_number}: the keys {keys} are of no known format. Known are: {known}. Say which of your "
        "fields is which, as in --fields prompt=question,completion=answer.",
        path,
        line_number,
    )


def _mixed(path: Path, format: Format, first_line: int, found: Format, line_number: int) -> TrainingDataError:
    return TrainingDataError(
        f"{path} mixes formats: line {first_line} is {format.name} ({', '.join(format.needed)}), line {line_number} "
        f"is {found.name} ({', '.join(found.needed)}). Keep each format in a file of its own.",
        path,
        line_number,
    )


def _nothing(path: Path, bad: list[SkippedLine]) -> TrainingDataError:
    if not bad:
        return TrainingDataError(f"{path} has no examples: it is empty.", path)
    return TrainingDataError(
        f"{path} has no examples: none of its {len(bad):,} lines can be read. Line {bad[0].line_number}: "
        f"{bad[0].reason}.",
        path,
        bad[0].line_number,
    )
