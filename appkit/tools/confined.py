"""Files below a folder, opened so that no path leads out of it.

A path is walked name by name, each opened below the descriptor of the folder before it and never through a symbolic
link. What is swapped in the meantime cannot matter: it is what was opened that is checked and read.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from appkit.errors import ToolError

MAX_PATH_CHARACTERS = 1024
_MAX_SHOWN = 100
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY  # a pipe must not hold us up


@dataclass(frozen=True, kw_only=True)
class ConfinedFolder:
    """A folder whose owner lets a model look into it. `path` itself may be a link: its owner chose where it is.

    Args:
        hidden: whether names with a leading dot (".git", ".env") are there for the model.
        hard_links: whether files with a second name are read; that name may lie anywhere on the drive.

    Raises:
        ValueError: there is no such folder.
    """

    path: Path
    hidden: bool = False
    hard_links: bool = False

    def __post_init__(self) -> None:
        if not self.path.is_dir():
            raise ValueError(f"{self.path} is no folder; give one that a model may look into.")
        object.__setattr__(self, "path", self.path.absolute())  # the current folder may change

    def names(self, path: str) -> list[str]:
        """The names that a path goes through; none for the folder itself ("" and ".").

        Raises:
            ToolError: it is absolute, goes upwards, or names what is hidden.
        """
        shown = repr(path[:_MAX_SHOWN])
        if len(path) > MAX_PATH_CHARACTERS:
            raise ToolError(f"The path has {len(path):,} characters; at most {MAX_PATH_CHARACTERS:,} are read.")
        if "\0" in path or _has_surrogates(path):
            raise ToolError(f"{shown} cannot be a path: it holds a character that no file name has.")
        if path.startswith("/"):
            raise ToolError(f"{shown} is an absolute path; give one below the folder, as list_files shows them.")
        names = [name for name in path.split("/") if name not in ("", ".")]
        if ".." in names:
            raise ToolError(f"{shown} leads upwards; only what is below the folder can be read.")
        if not self.hidden and any(name.startswith(".") for name in names):
            raise ToolError(f"{shown} is hidden (its name begins with a dot) and cannot be read.")
        return names

    @contextmanager
    def open_folder(self, path: str) -> Iterator[int]:
        """The descriptor of a folder. Raises ToolError where there is none."""
        names = self.names(path)
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise ToolError(f"The folder cannot be opened: {error.strerror}.") from error
        try:
            for idx, name in enumerate(names):
                inner = _open_checked(name, descriptor, _FOLDER_FLAGS, "/".join(names[: idx + 1]), stat.S_ISDIR)
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def open_file(self, path: str) -> Iterator[int]:
        """The descriptor of a regular file. Raises ToolError where there is none, or one that is not read here."""
        *folders, name = self.names(path) or [""]
        if not name:
            raise ToolError(f"{path[:_MAX_SHOWN]!r} names no file; list_files shows what there is.")
        with self.open_folder("/".join(folders)) as folder:
            descriptor = _open_checked(name, folder, _FILE_FLAGS, "/".join([*folders, name]), stat.S_ISREG)
        try:
            if not self.hard_links and os.fstat(descriptor).st_nlink > 1:
                raise ToolError(
                    f"{path[:_MAX_SHOWN]!r} has a second name (a hard link), which may be elsewhere: not read."
                )
            yield descriptor
        finally:
            os.close(descriptor)


def _open_checked(name: str, folder: int, flags: int, path: str, is_wanted: Callable[[int], bool]) -> int:
    """Open a name below a folder if it is what is wanted, before opening (devices act when opened) and after."""
    try:
        _check_kind(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode, path, is_wanted)
        descriptor = os.open(name, flags, dir_fd=folder)
    except OSError as error:
        raise ToolError(_reason(error, path)) from error
    try:
        _check_kind(os.fstat(descriptor).st_mode, path, is_wanted)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_kind(mode: int, path: str, is_wanted: Callable[[int], bool]) -> None:
    if is_wanted(mode):
        return
    shown = repr(path[:_MAX_SHOWN])
    if stat.S_ISLNK(mode):
        raise ToolError(f"{shown} is a symbolic link, which is not followed here.")
    if stat.S_ISDIR(mode):
        raise ToolError(f"{shown} is a folder; list_files shows what is in it.")
    if stat.S_ISREG(mode):
        raise ToolError(f"{shown} is a file, not a folder.")
    raise ToolError(f"{shown} is neither a file nor a folder (a pipe, a socket or a device).")


def _reason(error: OSError, path: str) -> str:
    shown = repr(path[:_MAX_SHOWN])
    if isinstance(error, FileNotFoundError):
        return f"There is no {shown}; list_files shows what there is."
    if isinstance(error, PermissionError):
        return f"There is no permission to read {shown}."
    if error.errno == errno.ENAMETOOLONG:
        return f"{shown} holds a name that is too long for a file."
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return f"{shown} is a symbolic link, which is not followed here, or was changed just now."
    return f"{shown} cannot be read: {error.strerror}."


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
