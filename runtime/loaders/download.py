"""Runs a downloader in a child process and watches the folder it fills.

pip and huggingface_hub own their configuration (indexes, mirrors, proxies, certificates), so they do the
downloading. In a child they can be watched from outside: progress is the size of what they have written,
a stalled one is ended, and when we die they die too. Nothing here knows what is being downloaded.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from runtime.errors import CatalogError
from runtime.files import Progress

STALL_S = 300.0  # a download that has not grown for so long is ended
SLOWEST_BYTES_PER_S = 20_000  # and one slower than this on the whole
_OUTPUT_BYTES = 1 << 20

# The child holds the reading end of a pipe. It closes when we end, however we end; the child then ends too,
# so that a killed pull leaves no downloader behind.
_END_WITH_PARENT = (
    "import os, sys, threading\nthreading.Thread(target=lambda: (os.read(0, 1), os._exit(1)), daemon=True).start()\n"
)


def run_downloader(
    code: str,
    arguments: Sequence[str],
    folder: Path,
    *,
    expected_bytes: int,
    progress: Progress | None = None,
    python: str = sys.executable,
    environment: dict[str, str] | None = None,
    stall_s: float = STALL_S,
) -> tuple[int, str]:
    """Run Python `code` with `arguments` (its sys.argv[1:]) until it ends; its exit status and output.

    Args:
        folder: what the child writes is looked for here; also its TMPDIR, so that nothing lands elsewhere.
        expected_bytes: the size of the download; `progress` hears of it as the total.
        progress: called about five times a second with (bytes so far, expected_bytes).
        stall_s: seconds without a new byte after which the child is ended.

    Raises:
        CatalogError: the child stalled, or ran past the time that a very slow line would need.
    """
    command = [python, "-c", _END_WITH_PARENT + code, *arguments]
    variables = {**os.environ, **(environment or {}), "TMPDIR": str(folder)}
    deadline = time.monotonic() + stall_s + expected_bytes / SLOWEST_BYTES_PER_S
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT, env=variables, cwd=folder
        )
        try:
            _watch(child, folder, expected_bytes, progress, deadline, stall_s)
        finally:
            child.kill()
            child.wait()
            if child.stdin is not None:
                child.stdin.close()
        output.seek(0)
        return child.returncode, output.read(_OUTPUT_BYTES).decode("utf-8", "replace")


def _watch(
    child: "subprocess.Popen[bytes]",
    folder: Path,
    expected_bytes: int,
    progress: Progress | None,
    deadline: float,
    stall_s: float,
) -> None:
    """Wait for the child, telling of progress; raises CatalogError when it is too slow."""
    seen_bytes, last_growth = 0, time.monotonic()
    while True:
        try:
            child.wait(timeout=0.2)
            return
        except subprocess.TimeoutExpired:
            pass
        size_bytes, now = largest_file_bytes(folder), time.monotonic()
        if size_bytes != seen_bytes:
            seen_bytes, last_growth = size_bytes, now
            if progress is not None:
                progress(min(size_bytes, expected_bytes), expected_bytes)
        if now - last_growth > stall_s or now > deadline:
            raise CatalogError(
                f"The download stopped moving: {seen_bytes:,} of {expected_bytes:,} bytes came, and none for "
                f"{now - last_growth:.0f} s. Check the network and try again."
            )


def largest_file_bytes(folder: Path) -> int:
    """Size of the largest file below `folder`: a download under way, wherever its tool keeps it."""
    largest = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                largest = max(largest, os.stat(os.path.join(parent, name), follow_symlinks=False).st_size)
            except OSError:
                continue  # renamed or removed while we looked
    return largest


def last_line(output: str, marker: str = "") -> str:
    """The last line of `output` that holds `marker`, else the last that is not empty, shortened."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    marked = [line for line in lines if marker in line]
    return (marked or lines or ["no message"])[-1][:500]


def names_full_disk(output: str) -> bool:
    """True if a downloader's output says that it could not write for want of space."""
    return any(phrase in output for phrase in ("No space left on device", "Disk quota exceeded", "File too large"))
