"""Where state lives on disk, and the only ways it is written: atomically, locked, inside its folder.

Everything the project keeps (models, indexes, chats) is below `data_dir()`. A file appears there whole
or not at all, whatever kills the writer, and a name that came from outside never leads out of its folder.
"""

import fcntl
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from runtime.errors import ConfinedPathError, LockTimeoutError

Progress = Callable[[int, int], None]  # called with (bytes done, bytes in all)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_READ_BYTES = 1 << 20


def data_dir() -> Path:
    """Folder that holds all state; not created here.

    `$APPKIT_HOME`, else `$XDG_DATA_HOME/appkit`, else `~/.local/share/appkit`. macOS uses the same
    places as Linux, so one sentence in the documents is right on both.
    """
    if home := os.environ.get("APPKIT_HOME"):
        return Path(home).expanduser().absolute()
    xdg = Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser()
    if not xdg.is_absolute():  # the XDG base directory specification says to ignore a relative one
        xdg = Path("~/.local/share").expanduser()
    return xdg / "appkit"


def is_safe_name(name: str) -> bool:
    """True if `name` can be one component of a path: letters, digits, `.`, `_`, `-`, at most 128, no leading dot."""
    return _NAME.fullmatch(name) is not None


def is_sha256(text: str) -> bool:
    """True for 64 lower-case hexadecimal digits."""
    return _SHA256.fullmatch(text) is not None


def confined_path(root: Path, *names: str) -> Path:
    """`root/names…`, certain to lie inside `root`.

    Raises:
        ConfinedPathError: a name is not one plain component, or a component below `root` is a symbolic
            link, which could lead anywhere. `root` itself may be a link: its owner chose where it is.
    """
    path = root
    for name in names:
        if not is_safe_name(name):
            raise ConfinedPathError(
                f"{name[:140]!r} cannot be a file name here: use up to 128 letters, digits, '.', '_' and '-', "
                "starting with a letter or digit."
            )
        path = path / name
        if path.is_symlink():
            raise ConfinedPathError(f"{path} is a symbolic link, which is not followed here; remove it first.")
    return path


@contextmanager
def write_atomic(path: Path, mode: str = "wb") -> Iterator[IO[bytes]]:
    """A binary file to write to, which takes the place of `path` when the block ends without an exception.

    The bytes go to a hidden file in the same folder, are forced to disk, and are then renamed over `path`;
    readers see the old content or all of the new. On an exception `path` is untouched and nothing is left
    over. What a killed writer left over is removed by the next write of the same path.

    Args:
        path: its folder must exist.
        mode: "wb", or "wb+" to read back what was written.

    Raises:
        OSError: the disk is full, the folder is missing or not writable.
    """
    if mode not in ("wb", "wb+"):
        raise ValueError(f"write_atomic writes bytes: mode must be 'wb' or 'wb+', got {mode!r}.")
    _remove_leftovers(path)
    temporary, descriptor = _open_temporary(path)
    try:
        with os.fdopen(descriptor, mode) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _open_temporary(path: Path) -> tuple[Path, int]:
    """A new hidden file beside `path`, locked so that nobody takes it for a leftover while we write."""
    while True:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if temporary.exists():  # a cleaner may have been quicker than our lock; then try again
            return temporary, descriptor
        os.close(descriptor)


def _remove_leftovers(path: Path) -> None:
    """Remove the temporary files that dead writers of `path` left: those whose lock is free."""
    pattern = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{16}}\.tmp")
    for name in os.listdir(path.parent):
        if not pattern.fullmatch(name):
            continue
        leftover = path.with_name(name)
        try:
            descriptor = os.open(leftover, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue  # gone by now, or not ours to remove
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            leftover.unlink(missing_ok=True)
        except BlockingIOError:
            pass  # its writer is alive
        finally:
            os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Force a folder's entries to disk, so that a rename in it survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_file(path: Path, progress: Progress | None = None) -> str:
    """SHA-256 of a file as 64 lower-case hexadecimal digits; `progress` hears of every MiB read."""
    digest = hashlib.sha256()
    done = 0
    with path.open("rb") as file:
        total = os.fstat(file.fileno()).st_size
        while piece := file.read(_READ_BYTES):
            digest.update(piece)
            done += len(piece)
            if progress is not None:
                progress(done, total)
    return digest.hexdigest()


def free_bytes(folder: Path) -> int:
    """Bytes this user may still write below `folder`, which need not exist yet."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


class FileLock:
    """A lock that processes and threads share through a file; a context manager.

    The operating system drops it when its holder dies, so it is never stale. The file stays behind:
    removing it would let two holders lock two files of one name. Not reentrant.
    """

    def __init__(self, path: Path, timeout_s: float = 60.0) -> None:
        """Args: path: its folder is made; timeout_s: how long to wait for another holder, 0 for not at all."""
        self.path = path
        self.timeout_s = timeout_s
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Wait for the lock.

        Raises:
            LockTimeoutError: another holder kept it for longer than `timeout_s`.
        """
        if self._descriptor is not None:
            raise ValueError(f"{self.path} is already locked by this object.")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Every acquire opens the file anew: flock tells apart open files, so threads exclude each other too.
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        deadline = time.monotonic() + self.timeout_s
        try:
            while not _try_lock(descriptor):
                if time.monotonic() >= deadline:
                    raise LockTimeoutError(
                        f"Another process has held {self.path} for more than {self.timeout_s:g} s; "
                        "wait for it to finish, or end it."
                    )
                time.sleep(0.05)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; without effect where it is not held."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # also frees copies that a fork made of the descriptor
        os.close(descriptor)

    def __enter__(self) -> "FileLock":
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
