"""What has changed in a folder since an index was made of it.

Size and modification time decide at once where they are as they were; else the digest of the bytes does.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from appkit.retrieval.documents import SkippedFile
from appkit.retrieval.loaders import FoundFile, walk
from runtime.files import sha256_file

ANY_TIME = -1  # stored where the modification time cannot be trusted: look at the bytes next time

# A file written twice within one tick of the file system's clock shows one time for both. Ticks are some milliseconds
# on the usual file systems, and up to two seconds on those that keep whole seconds.
_FINE_TICK_NS = 50_000_000
_COARSE_TICK_NS = 2_000_000_000
_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class FolderDiff:
    """Lists in order of source."""

    added: list[FoundFile] = field(default_factory=list)
    updated: list[FoundFile] = field(default_factory=list)
    touched: list[FoundFile] = field(default_factory=list)  # another time, the same bytes
    settled: list[FoundFile] = field(default_factory=list)  # their time can be trusted now: worth no commit of its own
    deleted: list[str] = field(default_factory=list)
    unchanged: int = 0  # touched and settled ones are counted
    skipped: list[SkippedFile] = field(default_factory=list)  # known without reading
    no_longer_skipped: list[str] = field(default_factory=list)  # sources to forget

    @property
    def is_empty(self) -> bool:
        """True if the index need not be written."""
        return not (self.added or self.updated or self.touched or self.deleted or self.no_longer_skipped)


def compare_folder(
    folder: Path,
    indexed: Mapping[str, tuple[int, int, str]],
    skipped: Mapping[str, tuple[int, int, SkippedFile]],
) -> FolderDiff:
    """Compare `folder` with the documents and skipped files of an index: size and time of each file, by source."""
    diff = FolderDiff()
    unchanged = 0
    seen: set[str] = set()
    closed: list[str] = []  # folders that may not be looked into
    for found in walk(folder):
        if isinstance(found, SkippedFile):
            diff.skipped.append(found)
            if found.source.endswith("/"):
                closed.append(found.source)
            continue
        seen.add(found.source)
        if found.source in indexed:
            size_bytes, mtime_ns, sha256 = indexed[found.source]
            if (size_bytes, mtime_ns) == (found.size_bytes, found.mtime_ns):
                unchanged += 1
            elif size_bytes != found.size_bytes or not _has_digest(found.path, sha256):
                diff.updated.append(found)
            else:
                unchanged += 1
                (diff.settled if mtime_ns == ANY_TIME else diff.touched).append(found)
        elif found.source in skipped and _is_skipped_again(found, *skipped[found.source]):
            diff.skipped.append(skipped[found.source][2])
        else:
            diff.added.append(found)
    # What is in a closed folder is not known to be gone.
    kept = {source for source in indexed.keys() | skipped.keys() if source.startswith(tuple(closed))}
    diff.deleted.extend(sorted(indexed.keys() - seen - kept))
    diff.no_longer_skipped.extend(sorted(skipped.keys() - seen - kept))
    unchanged += len(kept & indexed.keys())
    return FolderDiff(**{**vars(diff), "unchanged": unchanged})


def trusted_mtime(mtime_ns: int) -> int:
    """The time to store: `ANY_TIME` where the file is so fresh that it may yet be written within the same tick."""
    tick = _COARSE_TICK_NS if mtime_ns % _SECOND_NS == 0 else _FINE_TICK_NS
    return ANY_TIME if time.time_ns() - mtime_ns < tick else mtime_ns


def _has_digest(path: Path, sha256: str) -> bool:
    try:
        return sha256_file(path) == sha256
    except OSError:
        return False  # loading it will say why


def _is_skipped_again(found: FoundFile, size_bytes: int, mtime_ns: int, file: SkippedFile) -> bool:
    """A permission may have changed without a trace in size and time; anything else has not."""
    return (size_bytes, mtime_ns) == (found.size_bytes, found.mtime_ns) and file.reason != "unreadable"
