"""Maps a model file into memory, read-only, with one sentence for everything that can be wrong with its path."""

import contextlib
import mmap
from pathlib import Path

from runtime.errors import CorruptFileError, LoadError


def map_file(path: Path) -> mmap.mmap:
    """The whole file as a read-only mapping.

    The mapping keeps its own descriptor, so a file that is renamed or removed meanwhile stays readable, and its
    `size()` is the file's size now.

    Raises:
        LoadError: there is no such file, or it cannot be read.
        CorruptFileError: it is empty.
    """
    try:
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError as error:
        raise LoadError(
            f"There is no file {path}; look for a typing mistake, or pull the model first.", path
        ) from error
    except IsADirectoryError as error:
        raise LoadError(f"{path} is a folder; name the model file in it.", path) from error
    except OSError as error:
        raise LoadError(f"{path} cannot be read: {error.strerror or error}.", path) from error
    except ValueError as error:  # mmap refuses to map nothing; a path with a NUL is refused before that
        if "\0" in str(path):
            raise LoadError(f"{str(path)!r} cannot be a file: there is a NUL character in its name.", path) from error
        raise CorruptFileError(f"{path} is empty; pull it again.", path, 0) from error


def check_still_whole(mapping: mmap.mmap, end: int, what: str, path: Path) -> None:
    """Raise CorruptFileError if the file no longer reaches to `end`: touching lost bytes would end the process."""
    if mapping.size() < end:
        raise CorruptFileError(
            f"{path} has been shortened to {mapping.size()} bytes while in use, and {what} is no longer whole; "
            "pull it again.",
            path,
            mapping.size(),
        )


def unmap(mapping: mmap.mmap) -> None:
    """Close a mapping, or leave it to the last array that still refers to it."""
    with contextlib.suppress(BufferError):
        mapping.close()
