"""Fetches single files from the Hugging Face hub, or a mirror of it, through huggingface_hub.

That library knows `HF_ENDPOINT`, tokens and proxies; it runs in a child process, where it can be watched
and ended. A download that was cut goes on from where it stopped.
"""

import hashlib
import importlib.util
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import CatalogError
from runtime.files import Progress, is_sha256, sha256_file
from runtime.loaders.download import STALL_S, last_line, names_full_disk, run_downloader
from runtime.loaders.hub_name import HubFile

_ASK = """
import json, sys
from huggingface_hub import get_hf_file_metadata, hf_hub_url
found = get_hf_file_metadata(hf_hub_url(sys.argv[1], sys.argv[2], revision=sys.argv[3]))
print("ANSWER " + json.dumps({"size": found.size, "etag": found.etag, "commit": found.commit_hash}))
"""
# `hf_hub_download` starts from nothing each time, so the function beneath it is given the part that is there.
_FETCH = """
import os, sys
from huggingface_hub import constants, hf_hub_url
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers
constants.DOWNLOAD_CHUNK_SIZE = 65536  # what comes is kept at once: its 10 MiB would be lost, and the bar would jump
url = hf_hub_url(sys.argv[1], sys.argv[2], revision=sys.argv[3])
size = int(sys.argv[5])
with open(sys.argv[4], "ab") as part:
    if part.tell() > size:
        part.truncate(0)
        part.seek(0)
    if part.tell() < size:
        http_get(url, part, resume_size=part.tell(), headers=build_hf_headers(), expected_size=size)
print("ANSWER {}")
"""


@dataclass(frozen=True, kw_only=True)
class FetchedFile:
    """A downloaded file; `commit` is the revision the hub served it from."""

    path: Path
    sha256: str
    commit: str


def fetch_hub_file(
    wanted: HubFile,
    folder: Path,
    progress: Progress | None,
    check_space: Callable[[int], None],
    *,
    stall_s: float = STALL_S,
) -> FetchedFile:
    """Download `wanted` into `folder`, going on from what an earlier try left there; verified.

    `check_space` is called with the file's size before a byte of it is fetched; a download that does not grow
    for `stall_s` is given up.

    Raises:
        CatalogError: huggingface_hub is missing or failed, the download stalled, the disk is full, or the
            bytes are not those the hub announced.
    """
    if importlib.util.find_spec("huggingface_hub") is None:
        raise CatalogError(f"{wanted.text} needs huggingface_hub: pip install 'appkit-llm[hub]'")
    question = [wanted.repository, wanted.file, wanted.revision]
    facts = _run(_ASK, question, wanted, folder, 1, None, stall_s)
    size, etag, commit = facts["size"], str(facts["etag"] or ""), str(facts["commit"] or "an unknown revision")
    if not isinstance(size, int) or size <= 0:
        raise CatalogError(f"The hub does not say how large {wanted.text} is, so it is not downloaded.")
    check_space(size)
    if facts["commit"]:
        question[2] = commit  # the very file we were told about, should the branch move on meanwhile
    # Named after what it will be, so that the parts of two versions of a file are never joined.
    path = folder / f"{hashlib.sha256(f'{commit} {etag}'.encode()).hexdigest()}.part"
    for other in folder.glob("*.part"):
        if other != path:
            other.unlink()
    _run(_FETCH, [*question, str(path), str(size)], wanted, folder, size, progress, stall_s)
    digest = sha256_file(path)
    # For large files the ETag is the SHA-256; for small ones a git hash, which says nothing of the content alone.
    if path.stat().st_size != size or (is_sha256(etag) and digest != etag):
        path.unlink()
        raise CatalogError(
            f"{wanted.text} came with SHA-256 {digest}, the hub announced {etag} and {size:,} bytes. "
            "Nothing was stored; pull again."
        )
    if progress is not None:
        progress(size, size)
    return FetchedFile(path=path, sha256=digest, commit=commit)


def _run(
    code: str,
    arguments: list[str],
    wanted: HubFile,
    folder: Path,
    expected_bytes: int,
    progress: Progress | None,
    stall_s: float,
) -> dict[str, object]:
    """Run one of the scripts above and return its answer. Raises CatalogError with the reason it gave."""
    status, output = run_downloader(
        code,
        arguments,
        folder,
        expected_bytes=expected_bytes,
        progress=progress,
        stall_s=stall_s,
        # xet writes chunks of its own to a cache in the home folder; plain HTTP can be watched and resumed here.
        environment={"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"},
    )
    if status == 0 and "ANSWER " in output:
        answer: dict[str, object] = json.loads(output.rsplit("ANSWER ", 1)[1])
        return answer
    if names_full_disk(output):
        raise CatalogError(f"The disk is full: {wanted.text} could not be stored below {folder}.")
    raise CatalogError(
        f"{wanted.text} could not be fetched ({last_line(output)}). Check the name, the network and HF_ENDPOINT; "
        "a gated model needs HF_TOKEN."
    )
