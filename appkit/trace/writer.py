"""`TraceWriter`: appends records to a trace, each on disk before the next thing happens."""

import os
import platform
import stat
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from appkit.errors import TraceError
from appkit.trace.layout import FORMAT, HEAD_MEMBERS, MAX_LINE_BYTES, RECORD_MEMBERS, VERSION
from appkit.trace.plain import to_line


class TraceWriter:
    """A new trace file, open to be appended to; a context manager. Threads may share it.

    Every record is handed to the operating system at once, so a process that is killed loses nothing it wrote. The file
    holds whatever was asked and answered, so only its owner may read it (mode 0600).

    Args:
        path: where to; None writes nothing, so that whoever traces need not ask. A file that exists is never touched.
        about: what it takes to run the same again, such as the model, its file's digest and the versions in use; goes
            into the first line, beside the time, the version of Python and the machine.

    Raises:
        TraceError: the file exists already, or cannot be made.
        TypeError: `about` holds what JSON cannot say.
    """

    def __init__(self, path: Path | str | None, *, about: Mapping[str, Any] | None = None) -> None:
        self.path = None if path is None else Path(path)
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._size = 0  # bytes of whole lines
        self._descriptor: int | None = None
        head = _head(about or {})
        if self.path is not None:
            self._descriptor = _create(self.path)
            self._append(head)

    def write(self, kind: str, **data: Any) -> None:
        """Append one record. What is too large for a line is left out, and the line says so.

        Raises:
            ValueError: the trace was closed, or `kind` is no plain word, or `data` names a member every record has.
            TypeError: `data` holds what JSON cannot say.
            TraceError: the disk is full, or the file cannot be written any more; the trace up to here stays whole.
        """
        if not kind.isidentifier():
            raise ValueError(f"The kind of a record is one word, such as step, not {kind!r}.")
        if taken := [name for name in RECORD_MEMBERS if name in data]:
            raise ValueError(f"Every record has a member {taken[0]} already: give the value another name.")
        if self.path is None:
            return
        head = {"kind": kind, "time_s": round(time.monotonic() - self._started, 4)}
        line = to_line({**head, **data})
        if len(line) > MAX_LINE_BYTES:
            line = to_line({**head, "left_out_bytes": len(line)})
        self._append(line)

    def close(self) -> None:
        """End the trace. Twice is harmless."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _append(self, line: bytes) -> None:
        with self._lock:
            if self.path is None or self._descriptor is None:
                raise ValueError(f"The trace {self.path} was closed.")
            try:
                _write_whole(self._descriptor, line)
            except BaseException as error:  # also Ctrl-C: a line is there as a whole or not at all
                os.ftruncate(self._descriptor, self._size)
                if not isinstance(error, OSError):
                    raise
                raise TraceError(f"{self.path} cannot be written: {error.strerror or error}.", self.path) from error
            self._size += len(line)


def _head(about: Mapping[str, Any]) -> bytes:
    if taken := [name for name in HEAD_MEMBERS if name in about]:
        raise ValueError(f"The first line of a trace has a member {taken[0]} already: give the value another name.")
    head = {"format": FORMAT, "version": VERSION, "created": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    line = to_line({**head, "python": platform.python_version(), "machine": platform.machine(), **about})
    if len(line) > MAX_LINE_BYTES:
        raise ValueError(f"What the trace is about takes {len(line):,} bytes; a line holds {MAX_LINE_BYTES:,}.")
    return line


def _create(path: Path) -> int:
    try:
        # O_APPEND: after a truncation the next line goes to the end. O_EXCL follows no link.
        return os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, stat.S_IRUSR | stat.S_IWUSR
        )
    except FileExistsError as error:
        raise TraceError(f"{path} exists already: give the trace a new name, or remove that file.", path) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise TraceError(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}.", path) from error


def _write_whole(descriptor: int, line: bytes) -> None:
    while line:
        line = line[os.write(descriptor, line) :]
