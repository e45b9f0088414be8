"""`read_trace`: a trace as data. The file may come from anyone, and may end anywhere."""

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn, TypeVar

from appkit.errors import TraceError
from appkit.strict_json import loads
from appkit.trace.layout import FORMAT, HEAD_MEMBERS, MAX_LINE_BYTES, MAX_TRACE_BYTES, RECORD_MEMBERS, VERSION

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class TraceRecord:
    """One thing that happened: what kind, when (seconds since the trace was opened), and what its kind tells."""

    kind: str
    time_s: float
    data: Mapping[str, Any]
    line_number: int


@dataclass(frozen=True, kw_only=True)
class Trace:
    """A trace as far as it goes.

    `about` is the first line without its format: `created`, `python`, `machine` and what the writer was given.
    `cut_bytes` counts the bytes of a last line that breaks off, because its writer was killed; 0 where none does.
    """

    about: Mapping[str, Any]
    records: tuple[TraceRecord, ...]
    cut_bytes: int = 0

    @property
    def is_cut(self) -> bool:
        return self.cut_bytes > 0

    def of_kind(self, kind: str) -> tuple[TraceRecord, ...]:
        """The records of one kind, in order; a kind that this build does not know is no error."""
        return tuple(record for record in self.records if record.kind == kind)


def read_trace(path: Path | str, *, max_bytes: int = MAX_TRACE_BYTES) -> Trace:
    """The trace in a file.

    Args:
        max_bytes: refuse a larger file; what is read takes several times its size in memory.

    Raises:
        TraceError: the file cannot be read, is too large, is no trace, is of another version, or holds a line that is
            not what a writer writes; the message names the line.
    """
    path = Path(path)
    try:
        with _open(path) as file:
            if (size := os.fstat(file.fileno()).st_size) > max_bytes:
                raise TraceError(
                    f"{path} has {size:,} bytes and {max_bytes:,} are read: read it with a larger max_bytes.", path
                )
            return _read(file, path, max_bytes)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise TraceError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.", path) from error


def _open(path: Path) -> IO[bytes]:
    """A regular file: a pipe or a device might never end, or never begin."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    file = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise TraceError(f"{path} is no file: a trace is read from one.", path)
    return file


def _read(file: IO[bytes], path: Path, max_bytes: int) -> Trace:
    lines = _Lines(file, path, max_bytes)
    first = next(iter(lines), None)
    if first is None:
        what = f"its first line breaks off after {lines.cut_bytes:,} bytes" if lines.cut_bytes else "it is empty"
        raise TraceError(f"{path} is no trace: {what}.", path)
    about = lines.convert(*first, _to_head)
    records = tuple(lines.convert(number, line, _to_record(number)) for number, line in lines)
    return Trace(about=about, records=records, cut_bytes=lines.cut_bytes)


class _Lines:
    """The whole lines of a file with their numbers; afterwards `cut_bytes` of one that has no end."""

    def __init__(self, file: IO[bytes], path: Path, max_bytes: int) -> None:
        self._file = file
        self._path = path
        self._left = max_bytes  # the file may grow while it is read
        self._number = 0
        self.cut_bytes = 0

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        while line := self._file.readline(min(self._left, MAX_LINE_BYTES + 1)):
            self._number += 1
            self._left -= len(line)
            if len(line) > MAX_LINE_BYTES:
                self._refuse(self._number, f"it has more than {MAX_LINE_BYTES:,} bytes")
            if not line.endswith(b"\n"):
                self.cut_bytes = len(line)
                return
            yield self._number, line

    def convert(self, number: int, line: bytes, convert: Callable[[dict[str, Any]], _T]) -> _T:
        """What `convert` makes of the object on a line."""
        try:
            value = loads(line.decode())
            if not isinstance(value, dict):
                raise ValueError(f"it is {type(value).__name__}, not an object")
            return convert(value)
        except RecursionError:
            self._refuse(number, "it is nested too deeply")
        except ValueError as error:  # what is not UTF-8 or not JSON raises one too
            self._refuse(number, " ".join(str(error)[:300].split()))

    def _refuse(self, number: int, reason: str) -> NoReturn:
        raise TraceError(f"Line {number:,} of {self._path} is not one of a trace: {reason}.", self._path)


def _to_head(value: dict[str, Any]) -> Mapping[str, Any]:
    if value.get("format") != FORMAT:
        raise ValueError(f'its first line has to begin with {{"format": "{FORMAT}", "version": {VERSION}}}')
    version = value.get("version")
    if version != VERSION or type(version) is not int:
        raise ValueError(f"it is of version {version!r:.20}, and this build reads version {VERSION}")
    if not isinstance(value.get("created"), str):
        raise ValueError("it does not say when it was created")
    return {name: item for name, item in value.items() if name not in HEAD_MEMBERS[:2]}


def _to_record(number: int) -> Callable[[dict[str, Any]], TraceRecord]:
    def convert(value: dict[str, Any]) -> TraceRecord:
        kind, time_s = value.get("kind"), value.get("time_s")
        if not isinstance(kind, str) or not kind.isidentifier():
            raise ValueError("its kind is no word")
        if not isinstance(time_s, int | float) or isinstance(time_s, bool) or not 0 <= time_s < 1e12:
            raise ValueError("its time_s is no number of seconds")
        data = {name: item for name, item in value.items() if name not in RECORD_MEMBERS}
        return TraceRecord(kind=kind, time_s=float(time_s), data=data, line_number=number)

    return convert
