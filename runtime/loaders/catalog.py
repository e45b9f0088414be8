"""Finds models by name; the ones that are not here yet are pulled.

A model is named by its catalog name, by the name it was imported or pulled under, by the path of a GGUF
file, or as `hf:owner/repo/file.gguf`. `resolve` never touches the network; `pull` does, once.
"""

import os
from pathlib import Path

from runtime.errors import CatalogError, NotPulledError
from runtime.files import Progress
from runtime.loaders import catalog_store as store
from runtime.loaders.catalog_entries import DEFAULT_EMBEDDER, DEFAULT_MODEL, ENTRIES, CatalogEntry
from runtime.loaders.catalog_names import as_path, find_entry, is_path, near_names, store_name
from runtime.loaders.catalog_store import Manifest

__all__ = [
    "DEFAULT_EMBEDDER",
    "DEFAULT_MODEL",
    "ENTRIES",
    "CatalogEntry",
    "Manifest",
    "find_entry",
    "find_stored",
    "is_current",
    "is_offline",
    "pull",
    "read_stored",
    "remove",
    "resolve",
    "verify",
]


def resolve(name_or_path: str | Path) -> Path:
    """The weight file of a model that is here: a stored one by name, or any GGUF file by path.

    Does not hash: a stored file is taken for unchanged where its size and time are as they were.

    Raises:
        CatalogError: there is no such model or file, it is not pulled yet, or it was changed; the message
            says what to type.
    """
    name = os.fspath(name_or_path)
    if is_path(name):
        path = as_path(name)
        if not path.is_file():
            raise CatalogError(f"There is no model file {path}." + near_names(path.stem))
        return path
    manifest = find_stored(name)
    if manifest is None or not is_current(manifest):
        raise _not_here(name)
    return store.check_unchanged(manifest)


def find_stored(name: str) -> Manifest | None:
    """What the store knows of `name`; None if it is not stored."""
    return store.read_manifest(store_name(name))


def read_stored(name: str) -> Manifest:
    """What the store knows of `name`. Raises CatalogError if it is not stored."""
    manifest = find_stored(name)
    if manifest is None:
        raise _not_here(name)
    return manifest


def _not_here(name: str) -> CatalogError:
    if name in ENTRIES or name.startswith("hf:"):
        return NotPulledError(f"{name} is not on this machine yet. Pull it once: appkit models pull {name}", name)
    return CatalogError(f"No model is called {name!r}." + near_names(name))


def remove(name: str) -> int:
    """Remove the stored model `name` and what a broken pull of it left; bytes freed.

    Raises:
        CatalogError: nothing of it is stored.
    """
    return store.remove(store_name(name))


def verify(name: str, progress: Progress | None = None) -> Path:
    """The stored weight file of `name`, after reading it whole and comparing its SHA-256.

    Raises:
        CatalogError: it is not stored, or its bytes differ; the message has both digests.
    """
    return store.check_digest(read_stored(name), progress)


def is_offline() -> bool:
    """True if `APPKIT_OFFLINE` is set to anything but 0, false, no or nothing."""
    return os.environ.get("APPKIT_OFFLINE", "").lower() not in ("", "0", "false", "no")


def is_current(manifest: Manifest) -> bool:
    """False for a model stored by another version of the catalog, whose entry has changed since."""
    entry = ENTRIES.get(manifest.name)
    return entry is None or entry.sha256 == manifest.sha256


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
    from runtime.loaders.catalog_pull import pull_model  # what downloads need is not loaded to open a model

    return pull_model(name, progress=progress, offline=is_offline() if offline is None else offline)
