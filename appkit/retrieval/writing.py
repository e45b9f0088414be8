"""Who may write to an index, and what is said where the disk refuses."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appkit.errors import IndexLockedError, RetrievalError
from appkit.retrieval.manifest import LOCK
from runtime.errors import LockTimeoutError
from runtime.files import FileLock


@contextmanager
def locked(path: Path, timeout_s: float) -> Iterator[None]:
    """The lock of the one writer to the index in `path`.

    The operating system drops it with its holder. On a network drive it may do nothing; then a writer that finds
    another state than it began with gives up before it commits.

    Raises:
        IndexLockedError: another process has held it for longer than `timeout_s`.
    """
    lock = FileLock(path / LOCK, timeout_s)
    try:
        lock.acquire()
    except LockTimeoutError as error:
        holder = _holder(path)
        raise IndexLockedError(
            f"{'Another process' if holder is None else f'The process {holder}'} has been writing to the index in "
            f"{path} for more than {timeout_s:g} s; wait for it to finish, or end it: the index stays whole.",
            path,
            holder,
        ) from error
    try:
        (path / LOCK).write_text(f"{os.getpid()}\n")  # for the message of those who wait
        yield
    finally:
        lock.release()


@contextmanager
def storage_errors(path: Path, what: str) -> Iterator[None]:
    """Say what the disk refused. Args: what: "read", "written", "removed".

    Raises:
        RetrievalError: instead of any error of the disk or of SQLite.
    """
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise RetrievalError(
            f"The index in {path} could not be {what} ({error})"
            + ("; it is as it was before." if what == "written" else ".")
        ) from error


def _holder(path: Path) -> int | None:
    try:
        return int((path / LOCK).read_text())
    except (OSError, ValueError):
        return None
