"""A Hugging Face hub with one file, on this machine alone."""

import contextlib
import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REPOSITORY = "owner/repo"
FILE = "model.gguf"
NAME = f"hf:{REPOSITORY}/{FILE}"
COMMIT = "c0ffee" + "0" * 34


class FakeHub(ThreadingHTTPServer):
    """Serves `content`. After `cut_once_after` bytes the first connection breaks, after `hang_after` each hangs."""

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = content
        self.etag = hashlib.sha256(content).hexdigest()
        self.cut_once_after: int | None = None
        self.hang_after: int | None = None
        self.closing = threading.Event()
        self.ranges: list[str | None] = []  # the Range header of every download

    @property
    def url(self) -> str:
        """What HF_ENDPOINT is to be."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: FakeHub

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        if not re.fullmatch(rf"/{REPOSITORY}/resolve/(main|{COMMIT})/{FILE}", self.path):
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        asked = self.headers.get("Range")
        match = re.fullmatch(r"bytes=(\d+)-", asked or "")
        start = int(match[1]) if match else 0
        body = self.server.content[start:]
        self.send_response(206 if match else 200)
        if match:
            total = len(self.server.content)
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", f'"{self.server.etag}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if with_body:
            self.server.ranges.append(asked)
            limit = self.server.cut_once_after or self.server.hang_after
            with contextlib.suppress(OSError):  # the client was ended
                self.wfile.write(body[:limit])
                self.wfile.flush()
                if self.server.cut_once_after is None and limit is not None:
                    self.server.closing.wait(60)
            self.server.cut_once_after = None
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextlib.contextmanager
def serve_hub(content: bytes) -> Iterator[FakeHub]:
    """A hub on a free port of 127.0.0.1 while the block runs."""
    hub = FakeHub(content)
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        hub.closing.set()
        hub.shutdown()
        hub.server_close()
        thread.join()
