"""The folder of pulled models: `<data dir>/models/<name>/<file>` beside its `manifest.json`.

A model is there when its manifest is: it is written last. The manifest says which bytes belong to the
model, so a file that was changed or swapped is noticed when it is opened.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from runtime.errors import CatalogError, ConfinedPathError
from runtime.files import (
    FileLock,
    Progress,
    confined_path,
    data_dir,
    is_safe_name,
    is_sha256,
    sha256_file,
    sync_folder,
    write_atomic,
)

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
_MANIFEST_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What was stored, where it came from and how to tell that it is unchanged."""

    name: str
    file_name: str
    size_bytes: int
    sha256: str
    mtime_ns: int
    source: str  # a requirement, hf:… or a path
    converted_from: dict[str, str]  # SHA-256 of each source file, where the stored file was made from others
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        if self.format_version != FORMAT_VERSION:
            raise ValueError(f"manifest format {self.format_version}, this build reads {FORMAT_VERSION}")
        if not is_safe_name(self.name) or not is_safe_name(self.file_name) or self.file_name == MANIFEST:
            raise ValueError(f"unusable names {self.name[:140]!r} and {self.file_name[:140]!r}")
        if not is_sha256(self.sha256) or self.size_bytes < 0:
            raise ValueError(f"size {self.size_bytes} or digest {self.sha256[:80]!r} is not one")


def parse_manifest(text: bytes) -> Manifest:
    """The manifest in `text`. Raises ValueError for anything else: wrong JSON, keys, types or names."""
    fields: Any = json.loads(text)
    types = {"size_bytes": int, "mtime_ns": int, "format_version": int, "converted_from": dict}
    if not isinstance(fields, dict) or set(fields) != set(Manifest.__dataclass_fields__):
        raise ValueError("not the keys of a manifest")
    for key, value in fields.items():
        if type(value) is not types.get(key, str):
            raise ValueError(f"{key} is {value!r}")
    if not all(isinstance(digest, str) and is_sha256(digest) for digest in fields["converted_from"].values()):
        raise ValueError(f"converted_from is {fields['converted_from']!r}")
    return Manifest(**fields)


def models_dir() -> Path:
    """Folder that holds one folder a model."""
    return data_dir() / "models"


def weight_path(manifest: Manifest) -> Path:
    """The stored weight file."""
    return confined_path(models_dir(), manifest.name, manifest.file_name)


def read_manifest(name: str) -> Manifest | None:
    """What is stored under `name`; None if nothing is.

    Raises:
        CatalogError: there is a manifest that cannot be read or belongs to another model.
        ConfinedPathError: `name` is not a plain name.
    """
    path = confined_path(models_dir(), name, MANIFEST)
    try:
        with path.open("rb") as file:
            manifest = parse_manifest(file.read(_MANIFEST_BYTES))
        if manifest.name != name:
            raise ValueError(f"it belongs to {manifest.name}")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise CatalogError(
            f"{path} is not a usable manifest ({error}). Remove the model and pull it again: appkit models rm {name}"
        ) from error
    return manifest


def weights_digest(path: Path) -> str:
    """SHA-256 of a weight file: as its manifest notes it, where the file is one of the store's and unchanged since."""
    found = path.stat()
    for manifest in installed():
        is_unchanged = (found.st_size, found.st_mtime_ns) == (manifest.size_bytes, manifest.mtime_ns)
        if is_unchanged and weight_path(manifest).resolve() == path.resolve():
            return manifest.sha256
    return sha256_file(path)


def installed() -> list[Manifest]:
    """Every stored model, by name; folders that hold none, or a damaged one, are left out."""
    found = []
    try:
        names = sorted(os.listdir(models_dir()))
    except FileNotFoundError:
        return []
    for name in names:
        try:
            manifest = read_manifest(name)
        except (CatalogError, ConfinedPathError):
            continue
        if manifest is not None:
            found.append(manifest)
    return found


def check_unchanged(manifest: Manifest) -> Path:
    """The weight file of `manifest`, if its size and time are as stored; hashes only where the time differs.

    Raises:
        CatalogError: the file is gone or is not the one that was stored.
    """
    path = weight_path(manifest)
    try:
        found = path.stat()
    except OSError as error:
        raise CatalogError(
            f"{path} is missing ({error.strerror}). Pull it again: appkit models pull {manifest.name}"
        ) from error
    if found.st_size == manifest.size_bytes and found.st_mtime_ns == manifest.mtime_ns:
        return path
    if found.st_size == manifest.size_bytes and sha256_file(path) == manifest.sha256:
        _write_manifest(replace(manifest, mtime_ns=found.st_mtime_ns))  # copied or restored: same bytes, new time
        return path
    raise CatalogError(
        f"{path} was changed since it was stored ({found.st_size:,} bytes, stored {manifest.size_bytes:,}). "
        f"Pull it again: appkit models pull {manifest.name}"
    )


def check_digest(manifest: Manifest, progress: Progress | None = None) -> Path:
    """The weight file of `manifest`, read whole and compared with its SHA-256.

    Raises:
        CatalogError: the file is gone or its bytes differ; the message has both digests.
    """
    path = weight_path(manifest)
    try:
        digest = sha256_file(path, progress)
    except OSError as error:
        raise CatalogError(
            f"{path} cannot be read ({error.strerror}). Pull it again: appkit models pull {manifest.name}"
        ) from error
    if digest != manifest.sha256:
        raise CatalogError(
            f"{path} has SHA-256 {digest}, stored was {manifest.sha256}. "
            f"Pull it again: appkit models pull {manifest.name}"
        )
    return path


def lock_model(name: str, timeout_s: float) -> FileLock:
    """The lock that whoever changes the model `name` holds."""
    if not is_safe_name(name):
        raise ConfinedPathError(f"{name[:140]!r} cannot be a model name.")
    return FileLock(data_dir() / "locks" / f"model-{name}.lock", timeout_s)


@contextmanager
def work_folder(name: str, *, keep_on_error: bool = False) -> Iterator[Path]:
    """A folder to prepare the model `name` in; the caller holds its lock. Removed at the end.

    It lies in the data folder, so that what is ready is moved into place and not copied. What a killed
    pull left is removed first, except where `keep_on_error` says that a download can go on from it.
    """
    folder = confined_path(data_dir() / "downloads", name)
    if not keep_on_error:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    except BaseException:
        if not keep_on_error:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def store(ready: Path, manifest: Manifest) -> Path:
    """Move the finished, verified file `ready` into its place, then write its manifest; the stored path.

    The caller holds the model's lock. A kill between any two steps leaves the model absent, never wrong.
    """
    path = weight_path(manifest)
    path.parent.mkdir(parents=True, exist_ok=True)
    with ready.open("rb") as file:
        os.fsync(file.fileno())
    confined_path(path.parent, MANIFEST).unlink(missing_ok=True)  # an older model of this name ends here
    os.replace(ready, path)
    sync_folder(path.parent)
    _write_manifest(replace(manifest, mtime_ns=path.stat().st_mtime_ns))
    return path


def _write_manifest(manifest: Manifest) -> None:
    path = confined_path(models_dir(), manifest.name, MANIFEST)
    with write_atomic(path) as file:
        file.write(json.dumps(asdict(manifest), indent=2, sort_keys=True).encode() + b"\n")


def remove(name: str) -> int:
    """Remove the model `name` with everything beside it and what a broken pull left; bytes freed.

    Raises:
        CatalogError: nothing is stored under `name`.
        ConfinedPathError: `name` is not a plain name.
    """
    with lock_model(name, timeout_s=10):
        folders = [confined_path(models_dir(), name), confined_path(data_dir() / "downloads", name)]
        freed = sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())
        if not any(folder.is_dir() for folder in folders):
            raise CatalogError(f"No model {name!r} is stored in {models_dir()}; `appkit models list` shows what is.")
        confined_path(models_dir(), name, MANIFEST).unlink(missing_ok=True)
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
    return freed
