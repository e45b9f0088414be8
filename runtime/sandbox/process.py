"""Starts, talks to and kills one worker process. Knows nothing of its work, only of messages and deadlines."""

import importlib.util
import json
import os
import select
import shlex
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, cast

INHERITED_ENVIRONMENT = ("TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")  # nothing that could be a secret


class WorkerTimeoutError(Exception):
    """No whole reply before the deadline."""


class WorkerDiedError(Exception):
    """The worker ended, or said what no worker says."""


class WorkerProcess:
    """A running worker, and the two pipes to it. One exchange at a time; the caller keeps others out.

    The worker is in a session of its own, so Ctrl-C at a terminal does not reach it, and it ends when its input
    closes, which the kernel does for us however this process ends.
    """

    def __init__(self, script: Path, packages: Sequence[str], **limits: int) -> None:
        """Start `script`, which serves as `runtime/sandbox/child.py` describes. Does not wait for the start.

        Args:
            script: gets the limits as JSON, then the folders that hold the packages, as arguments.
            packages: top-level packages that it imports, besides `runtime` and the standard library.
            limits: what the script limits itself to: memory_bytes (address space), cpu_s (of one exchange), others.

        Raises:
            OSError: no process is to be had.
            ImportError: a package is not installed.
        """
        if not sys.executable:
            raise OSError("this Python does not know its own executable (sys.executable is empty)")
        # -I: no variables, no user folders; -S: no .pth files, which cost time and run code
        self._command = [sys.executable, "-I", "-S", str(script), json.dumps(limits), *_folders_of(packages)]
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd="/",
            env={name: os.environ[name] for name in INHERITED_ENVIRONMENT if name in os.environ},
            start_new_session=True,
        )
        self._to_worker = cast(IO[bytes], self._process.stdin)
        self._from_worker = cast(IO[bytes], self._process.stdout)
        os.set_blocking(self._to_worker.fileno(), False)
        os.set_blocking(self._from_worker.fileno(), False)

    @property
    def command(self) -> str:
        """As typed in a shell."""
        return shlex.join(self._command)

    @property
    def pid(self) -> int:
        """Of the worker."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether it still runs, as far as the kernel knows."""
        return self._process.poll() is None

    def exchange(self, message: bytes, timeout_s: float, max_reply_bytes: int) -> bytes:
        """Send a message and wait for its reply. Raises WorkerTimeoutError or WorkerDiedError; then kill it."""
        deadline = time.monotonic() + timeout_s
        self._send(struct.pack(">I", len(message)) + message, deadline)
        return self._receive(deadline, max_reply_bytes)

    def receive(self, timeout_s: float, max_reply_bytes: int) -> bytes:
        """Wait for what the worker says unasked. Raises as `exchange`."""
        return self._receive(time.monotonic() + timeout_s, max_reply_bytes)

    def kill(self) -> int:
        """End the worker and collect it; its exit status, negative for the signal that ended it."""
        self._to_worker.close()
        self._from_worker.close()
        self._process.kill()  # without effect on one that is ending already: it keeps its own status
        return self._process.wait()

    def abandon(self) -> None:
        """Let go of another process's worker: what a child does after fork, lest it keep its parent's worker alive."""
        self._to_worker.close()
        self._from_worker.close()
        self._process.returncode = 0  # not ours to collect

    def _send(self, data: bytes, deadline: float) -> None:
        fd, view = self._to_worker.fileno(), memoryview(data)
        while view:
            try:
                view = view[os.write(fd, view) :]
            except BlockingIOError:
                _wait(fd, select.POLLOUT, deadline)
            except BrokenPipeError as error:
                raise WorkerDiedError("it closed its input") from error

    def _receive(self, deadline: float, max_bytes: int) -> bytes:
        (length,) = struct.unpack(">I", self._read_exactly(4, deadline))
        if length > max_bytes:
            raise WorkerDiedError(f"it announced {length} bytes where at most {max_bytes} are possible")
        return self._read_exactly(length, deadline)

    def _read_exactly(self, count: int, deadline: float) -> bytes:
        fd, pieces = self._from_worker.fileno(), []
        while count:
            _wait(fd, select.POLLIN, deadline)
            piece = os.read(fd, min(count, 1 << 20))
            if not piece:
                raise WorkerDiedError("it closed its output")
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)


def _wait(fd: int, event: int, deadline: float) -> None:
    """Until `fd` is ready. `poll`, since `select` fails on descriptors from 1024 up."""
    poll = select.poll()
    poll.register(fd, event)
    left = deadline - time.monotonic()
    if left <= 0 or not poll.poll(left * 1000):
        raise WorkerTimeoutError


def _folders_of(packages: Sequence[str]) -> list[str]:
    """Where the worker finds its packages, and `runtime`."""
    folders = []
    for name in packages:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise ImportError(f"{name} is not installed")
        # a package is a folder with __init__ in it; a module is a file
        folders.append(str(Path(spec.origin).parents[1 if spec.submodule_search_locations else 0]))
    return list(dict.fromkeys([*folders, str(Path(__file__).parents[2])]))
