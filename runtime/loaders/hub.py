"""Fetches single files from the Hugging Face hub, or a mirror of it, through huggingface_hub.

That library knows `HF_ENDPOINT`, tokens and proxies; it runs in a child process, where it can be watched
and ended. A download that was cut goes on from where it stopped.
"""

import importlib.util
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import CatalogError
from runtime.files import Progress, is_sha256, sha256_file
from runtime.loaders.download import last_line, names_full_disk, run_downloader
from runtime.loaders.hub_name import HubFile

_ASK = """
import json, sys
from huggingface_hub import get_hf_file_metadata, hf_hub_url
found = get_hf_file_metadata(hf_hub_url(sys.argv[1], sys.argv[2], revision=sys.argv[3]))
print("ANSWER " + json.dumps({"size": found.size, "etag": found.etag, "commit": found.commit_hash}))
"""
_FETCH = """
import json, sys
from huggingface_hub import hf_hub_download
path = hf_hub_download(sys.argv[1], sys.argv[2], revision=sys.argv[3], local_dir=sys.argv[4])
print("ANSWER " + json.dumps({"path": path}))
"""


@dataclass(frozen=True, kw_only=True)
class FetchedFile:
    """A downloaded file; `commit` is the revision the hub served it from."""

    path: Path
    sha256: str
    commit: str


def fetch_hub_file(
    wanted: HubFile, folder: Path, progress: Progress | None, check_space: Callable[[int], None]
) -> FetchedFile:
    """Download `wanted` into `folder`, going on from what an earlier try left there; verified.

    `check_space` is called with the file's size before a byte of it is fetched.

    Raises:
        CatalogError: huggingface_hub is missing or failed, the download stalled, the disk is full, or the
            bytes are not those the hub announced.
    """
    if importlib.util.find_spec("huggingface_hub") is None:
        raise CatalogError(f"{wanted.text} needs huggingface_hub: pip install 'appkit-llm[hub]'")
    question = [wanted.repository, wanted.file, wanted.revision]
    facts = _run(_ASK, question, wanted, folder, expected_bytes=1, progress=None)
    size, etag, commit = facts["size"], str(facts["etag"] or ""), str(facts["commit"] or "an unknown revision")
    if not isinstance(size, int) or size <= 0:
        raise CatalogError(f"The hub does not say how large {wanted.text} is, so it is not downloaded.")
    check_space(size)
    question[2] = commit if facts["commit"] else wanted.revision  # the very file we were told about
    answer = _run(_FETCH, [*question, str(folder / "file")], wanted, folder, expected_bytes=size, progress=progress)
    path = Path(str(answer["path"]))
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
    code: str, arguments: list[str], wanted: HubFile, folder: Path, *, expected_bytes: int, progress: Progress | None
) -> dict[str, object]:
    """Run one of the scripts above and return its answer. Raises CatalogError with the reason it gave."""
    status, output = run_downloader(
        code,
        arguments,
        folder,
        expected_bytes=expected_bytes,
        progress=progress,
        # xet writes chunks of its own to a cache in the home folder; plain HTTP can be watched and resumed here.
        environment={"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"},
    )
    if status == 0 and "ANSWER " in output:
        answer: dict[str, object] = json.loads(output.rsplit("ANSWER ", 1)[1])
        return answer
    if names_full_disk(output):
        raise CatalogError(f"The disk is full: {wanted.text} could not be stored below {folder}.")
    raise CatalogError(
        f"{wanted.text} could not be fetched: {last_line(output)} Check the name, the network and HF_ENDPOINT; "
        "a gated model needs HF_TOKEN."
    )
