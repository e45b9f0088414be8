"""Finds the files below a folder that can become documents."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from appkit.errors import RetrievalError
from appkit.retrieval.documents import SkippedFile, SkipReason
from appkit.retrieval.loaders.errors import describe_os_error
from appkit.retrieval.loaders.formats import format_of


@dataclass(frozen=True, kw_only=True)
class FoundFile:
    """A file whose suffix we read; what is in it is not known yet."""

    path: Path
    source: str  # below the walked folder, with "/" on every system
    size_bytes: int
    mtime_ns: int


def walk(folder: Path) -> Iterator[FoundFile | SkippedFile]:
    """Every file below `folder`, in order of source; those that cannot be read with the reason.

    Hidden files and folders (".git") are left out. A link is followed within the folder alone, and each file is found
    once: under its own name, or, where that is hidden, under the first link to it.

    Raises:
        RetrievalError: `folder` is none, or cannot be read.
    """
    if not folder.is_dir():
        raise RetrievalError(f"{folder} is no folder; give one that holds the documents.")
    try:
        os.scandir(folder).close()
    except OSError as error:
        raise RetrievalError(f"{folder} cannot be read: {error.strerror}.") from error
    walker = _Walker(folder)
    return iter(walker.run())


class _Walker:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._real_folder = folder.resolve()
        self._seen: set[tuple[int, int]] = set()  # device and inode of files and folders
        self._found: list[FoundFile | SkippedFile] = []
        self._links: list[tuple[Path, str]] = []

    def run(self) -> list[FoundFile | SkippedFile]:
        """What there is, in order. Links come last, when all that has a name of its own is known."""
        self._scan(self._folder, "")
        while self._links:
            links, self._links = sorted(self._links, key=lambda link: link[1]), []
            for path, source in links:
                self._follow(path, source)
        return sorted(self._found, key=lambda file: file.source)

    def _scan(self, folder: Path, prefix: str) -> None:
        """A folder and all below it; links are put aside."""
        folders = [(folder, prefix)]
        while folders:
            folder, prefix = folders.pop()
            try:
                status = folder.stat()
                if (status.st_dev, status.st_ino) in self._seen:
                    continue
                self._seen.add((status.st_dev, status.st_ino))
                with os.scandir(folder) as entries:
                    names = sorted(entry.name for entry in entries if not entry.name.startswith("."))
            except OSError as error:
                self._skip_error(f"{prefix.rstrip('/') or '.'}/", error)
                continue
            for name in names:
                path, source = folder / name, prefix + name
                try:
                    status = path.lstat()
                except OSError as error:
                    self._skip_error(source, error)
                    continue
                if stat.S_ISLNK(status.st_mode):
                    self._links.append((path, source))
                elif stat.S_ISDIR(status.st_mode):
                    folders.append((path, source + "/"))
                else:
                    self._add(path, source, status)

    def _follow(self, link: Path, source: str) -> None:
        try:
            target = link.resolve(strict=True)
            status = target.stat()
        except RuntimeError:  # what Python before 3.13 makes of a link that leads to itself
            self._skip(source, "link cycle", "It is a link that leads back to itself.")
            return
        except OSError as error:
            self._skip_error(source, error)
            return
        if not target.is_relative_to(self._real_folder):
            self._skip(source, "unreadable", f"It is a link that leads out of the folder, to {target}; copy it in.")
        elif link.parent.resolve().is_relative_to(target):
            self._skip(source, "link cycle", f"It is a link back to the folder it is in, {target}.")
        elif stat.S_ISDIR(status.st_mode):
            self._scan(link, source + "/")
        elif (status.st_dev, status.st_ino) not in self._seen:
            self._add(link, source, status)

    def _add(self, path: Path, source: str, status: os.stat_result) -> None:
        self._seen.add((status.st_dev, status.st_ino))
        if not stat.S_ISREG(status.st_mode):
            self._skip(source, "unsupported", "It is no regular file.")
        elif format_of(path) is None:
            self._skip(source, "unsupported", f"Files of the kind {path.suffix or 'without a suffix'} are not read.")
        elif not _is_encodable(source):
            self._skip(source, "unreadable", "Its name is not in the system's encoding; rename it.")
        else:
            self._found.append(
                FoundFile(path=path, source=source, size_bytes=status.st_size, mtime_ns=status.st_mtime_ns)
            )

    def _skip_error(self, source: str, error: OSError) -> None:
        described = describe_os_error(error)
        self._skip(source, described.reason, described.detail)

    def _skip(self, source: str, reason: SkipReason, detail: str) -> None:
        source = os.fsencode(source).decode(errors="backslashreplace")
        self._found.append(SkippedFile(source=source, reason=reason, detail=detail))


def _is_encodable(source: str) -> bool:
    try:
        source.encode()
    except UnicodeEncodeError:
        return False
    return True
