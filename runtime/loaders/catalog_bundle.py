"""Carries stored models to a machine without a network, in one file.

The file is a zip archive without compression (weights do not shrink): first `models.json` with the manifests,
then one member a model, `<name>/<file>`. Reading takes only what the manifests name, each member streamed
into the store and checked; nothing is unpacked by the archive's own paths.
"""

import errno
import hashlib
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO

from runtime.errors import CatalogError
from runtime.files import Progress, write_atomic
from runtime.loaders import catalog_store as store
from runtime.loaders.catalog import read_stored
from runtime.loaders.catalog_entries import ENTRIES
from runtime.loaders.catalog_pull import as_catalog_error, check_space
from runtime.loaders.catalog_store import Manifest, parse_manifest

INDEX = "models.json"
FORMAT_VERSION = 1
_INDEX_BYTES = 1 << 20
_COPY_BYTES = 1 << 20
_LOCK_S = 3600.0


def export_models(names: Sequence[str], target: Path, progress: Progress | None = None) -> list[Manifest]:
    """Write the stored models `names` to the file `target`, verified on the way; their manifests.

    Raises:
        CatalogError: a model is not stored or was changed, or `target` cannot be written; then it is untouched.
        ValueError: no name, or one twice.
    """
    if not names or len(set(names)) != len(names):
        raise ValueError(f"Name each model to export once; got {list(names)}.")
    manifests = [read_stored(name) for name in names]
    total = sum(manifest.size_bytes for manifest in manifests)
    index = {"format_version": FORMAT_VERSION, "models": [asdict(manifest) for manifest in manifests]}
    done = 0
    with (
        as_catalog_error(target.name, target.absolute().parent),
        write_atomic(target) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive,
    ):
        archive.writestr(INDEX, json.dumps(index, indent=2, sort_keys=True))
        for manifest in manifests:
            path = store.check_unchanged(manifest)
            with path.open("rb") as content, archive.open(_member(manifest), "w", force_zip64=True) as member:
                digest = _copy(content, member, manifest.size_bytes, done, total, progress)
            if digest != manifest.sha256:
                raise CatalogError(
                    f"{path} has SHA-256 {digest}, stored was {manifest.sha256}; nothing was exported. "
                    f"Pull it again: appkit models pull {manifest.name}"
                )
            done += manifest.size_bytes
    return manifests


def import_models(source: Path, progress: Progress | None = None) -> list[Manifest]:
    """Store the models in `source`, a file that `export_models` wrote; the manifests of those that are now here.

    Each model is stored on its own: one that is damaged stops the import, those before it stay.

    Raises:
        CatalogError: not such a file, a damaged one, no room, or a model that is here with other bytes.
    """
    with as_catalog_error(f"What {source} holds"):
        try:
            with zipfile.ZipFile(source) as archive:
                return _import(archive, source, progress)
        except FileNotFoundError:
            raise CatalogError(f"There is no file {source} to import.") from None
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, KeyError, ValueError) as error:
            raise _damaged(source, error) from error
        except OSError as error:
            if error.errno == errno.EINVAL:  # the archive sends us to a negative offset
                raise _damaged(source, error) from error
            raise


def _damaged(source: Path, error: Exception) -> CatalogError:
    return CatalogError(
        f"{source} is not a whole file of `appkit models export` ({error}). Export it again and compare the sizes "
        "of both copies."
    )


def _import(archive: zipfile.ZipFile, source: Path, progress: Progress | None) -> list[Manifest]:
    manifests = _read_index(archive, source)
    total = sum(manifest.size_bytes for manifest in manifests)
    check_space(str(source), total)
    done = 0
    for manifest in manifests:
        with store.lock_model(manifest.name, _LOCK_S):
            if not _is_here(manifest):
                _import_one(archive, manifest, done, total, progress)
        done += manifest.size_bytes
    return manifests


def _read_index(archive: zipfile.ZipFile, source: Path) -> list[Manifest]:
    with archive.open(INDEX) as file:
        text = file.read(_INDEX_BYTES)
    try:
        index = json.loads(text)
        if index["format_version"] != FORMAT_VERSION:
            raise ValueError(f"export format {index['format_version']!r}, this build reads {FORMAT_VERSION}")
        manifests = [parse_manifest(json.dumps(fields).encode()) for fields in index["models"]]
        if not manifests or len({manifest.name for manifest in manifests}) != len(manifests):
            raise ValueError("it names no model, or one twice")
    except (ValueError, KeyError, TypeError) as error:
        raise CatalogError(f"{source} has an unusable list of models ({error}). Export it again.") from error
    for manifest in manifests:
        entry = ENTRIES.get(manifest.name)
        if entry is not None and (entry.sha256, entry.file_name) != (manifest.sha256, manifest.file_name):
            raise CatalogError(
                f"{source} holds a {manifest.name} with SHA-256 {manifest.sha256}, but the catalog's has "
                f"{entry.sha256}. Nothing was stored; export it with the same version of appkit as here."
            )
    return manifests


def _is_here(manifest: Manifest) -> bool:
    """True if these very bytes are stored already. Raises CatalogError where others are, under the same name."""
    found = store.read_manifest(manifest.name)
    if found is None:
        return False
    if found.sha256 != manifest.sha256 and manifest.name not in ENTRIES:
        raise CatalogError(
            f"A model {manifest.name} with other bytes is stored here ({found.sha256}, in the file "
            f"{manifest.sha256}). Remove it first: appkit models rm {manifest.name}"
        )
    try:
        store.check_unchanged(found)
    except CatalogError:
        return False
    return found.sha256 == manifest.sha256


def _import_one(archive: zipfile.ZipFile, manifest: Manifest, done: int, total: int, progress: Progress | None) -> None:
    info = archive.getinfo(_member(manifest))
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != manifest.size_bytes:
        raise CatalogError(
            f"{_member(manifest)} in {archive.filename} has {info.file_size:,} bytes, its manifest says "
            f"{manifest.size_bytes:,}. Export it again."
        )
    with store.work_folder(manifest.name) as folder:
        ready = folder / manifest.file_name
        with archive.open(info) as content, ready.open("xb") as file:
            digest = _copy(content, file, manifest.size_bytes, done, total, progress)
        if digest != manifest.sha256:
            raise CatalogError(
                f"{_member(manifest)} in {archive.filename} has SHA-256 {digest}, its manifest says "
                f"{manifest.sha256}. It was not stored; export it again."
            )
        store.store(ready, manifest)


def _member(manifest: Manifest) -> str:
    return f"{manifest.name}/{manifest.file_name}"


def _copy(
    content: IO[bytes], target: IO[bytes], size_bytes: int, done: int, total: int, progress: Progress | None
) -> str:
    """Copy at most `size_bytes`, telling of progress from `done` on; the SHA-256 of what was copied."""
    digest = hashlib.sha256()
    left = size_bytes
    while left and (piece := content.read(min(_COPY_BYTES, left))):
        target.write(piece)
        digest.update(piece)
        left -= len(piece)
        if progress is not None:
            progress(done + size_bytes - left, total)
    return digest.hexdigest()
