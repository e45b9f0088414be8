"""The manifest: which files make up an index, and how to tell that they are what was written.

    index folder/
        manifest.json              this; the rename that puts it in place is the only commit there is
        manifest-<id>.json         the same again, for when a byte of it is damaged
        index-<id>.sqlite          documents, chunks, words, vectors: the truth
        vectors-<id>.f32           derived: the vectors as one matrix
        hnsw-<id>.faiss            derived: their graph, in a large index
        unfinished.vectors         what a sync that was cut short had computed already
        lock                       held by the one that writes

`<id>` is the generation's number and the first digits of its database's SHA-256. No file is ever changed after its
generation was committed: a change copies the database, and writes a new generation beside the old one. So a reader
keeps what it opened for as long as it likes, without locks; a whole-file digest means something; and whatever kills a
writer, `manifest.json` names the files of before, untouched, or those of after, complete.
"""

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from appkit.errors import IndexDamagedError, IndexVersionError
from runtime.files import is_safe_name, is_sha256, write_atomic

FORMAT = 1
MANIFEST = "manifest.json"
UNFINISHED = "unfinished.vectors"
LOCK = "lock"
_GENERATION_FILE = re.compile(
    r"(manifest-\d+-[0-9a-f]{12}\.json|(index|vectors|hnsw)-\d+-[0-9a-f]{12}\.(sqlite|f32|faiss)|draft-[0-9a-f]{16}\.(sqlite|f32|faiss))"
)
_OWN_FILE = re.compile(rf"{MANIFEST}|{UNFINISHED}|{LOCK}|{_GENERATION_FILE.pattern}|\..*\.tmp")


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """A file of a generation."""

    name: str
    size_bytes: int
    sha256: str

    def __post_init__(self) -> None:
        if not (is_safe_name(self.name) and is_sha256(self.sha256) and self.size_bytes >= 0):
            raise ValueError(f"{self} names no file of an index.")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A committed generation."""

    generation: int
    folder: str  # that the documents came from, absolute
    embedder_name: str
    dim: int
    max_tokens: int
    overlap_tokens: int
    num_documents: int
    num_chunks: int
    num_chars: int
    languages: dict[str, int]
    database: FileEntry
    vectors: FileEntry
    hnsw: FileEntry | None = None

    @property
    def id(self) -> str:
        """What the names of this generation's files share."""
        return generation_id(self.generation, self.database.sha256)

    @property
    def files(self) -> tuple[FileEntry, ...]:
        """Every file that the generation has beside its manifest."""
        return (self.database, self.vectors) + ((self.hnsw,) if self.hnsw is not None else ())


def generation_id(generation: int, database_sha256: str) -> str:
    """Part of file names. The digest keeps two writers apart even where locks do nothing."""
    return f"{generation}-{database_sha256[:12]}"


def put_in_place(draft: Path, name: str, sha256: str) -> FileEntry:
    """Force a finished file to disk and give it the name of its generation."""
    descriptor = os.open(draft, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
        size_bytes = os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
    os.replace(draft, draft.with_name(name))
    return FileEntry(name=name, size_bytes=size_bytes, sha256=sha256)


def read_manifest(folder: Path) -> Manifest | None:
    """The committed generation of the index in `folder`, None where there is none.

    Where `manifest.json` is missing or damaged, its copy is read: the newest that is whole.

    Raises:
        IndexVersionError: another version wrote it.
        IndexDamagedError: neither manifest nor copy is what was written.
        OSError: it cannot be read.
    """
    path = folder / MANIFEST
    is_there = path.exists()
    if is_there and (manifest := _parse(path.read_bytes(), folder)) is not None:
        return manifest
    copies = [_parse(copy.read_bytes(), folder) for copy in folder.glob("manifest-*.json")]
    whole = [copy for copy in copies if copy is not None and (folder / copy.database.name).is_file()]
    if whole:
        return max(whole, key=lambda copy: copy.generation)
    if is_there:
        raise IndexDamagedError(
            f"{path} is damaged, and no copy of it is whole. Remove {folder} and sync again.", folder
        )
    return None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Commit `manifest`, whose files must be on disk."""
    body = {"format": FORMAT, **asdict(manifest)}
    data = json.dumps({**body, "checksum": _checksum(body)}, indent=1, ensure_ascii=True).encode()
    for name in (f"manifest-{manifest.id}.json", MANIFEST):
        with write_atomic(folder / name) as file:
            file.write(data)


def is_manifest_whole(path: Path) -> bool:
    """True if the file is a manifest as it was written."""
    try:
        return _parse(path.read_bytes(), path.parent) is not None
    except FileNotFoundError:
        return False


def remove_leftovers(folder: Path, manifest: Manifest | None) -> None:
    """Remove what belongs to no committed generation. Only for the holder of the lock.

    Readers of an older generation have their files open and keep them.
    """
    keep = {f"manifest-{manifest.id}.json", *(file.name for file in manifest.files)} if manifest is not None else set()
    for name in os.listdir(folder):
        if _GENERATION_FILE.fullmatch(name) and name not in keep:
            (folder / name).unlink(missing_ok=True)


def is_index_or_empty(folder: Path) -> bool:
    """True if an index may be put in `folder`: it is not there, or holds nothing but files of an index."""
    try:
        return all(_OWN_FILE.fullmatch(name) for name in os.listdir(folder))
    except FileNotFoundError:
        return True
    except NotADirectoryError:
        return False


def _parse(data: bytes, folder: Path) -> Manifest | None:
    """None if the bytes are not what was written."""
    try:
        body: dict[str, Any] = json.loads(data)
        version = body.pop("format")
        checksum = body.pop("checksum")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    if isinstance(version, int) and version > FORMAT:
        raise IndexVersionError(
            f"The index in {folder} has format {version}; this build reads format {FORMAT}. "
            "Use the newer version of appkit that wrote it, or remove the folder and sync again.",
            folder,
            version,
        )
    if version != FORMAT or checksum != _checksum({"format": version, **body}):
        return None
    for name in ("database", "vectors", "hnsw"):
        body[name] = FileEntry(**body[name]) if body[name] is not None else None
    return Manifest(**body)


def _checksum(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
