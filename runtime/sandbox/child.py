"""What every worker does besides its work: give up its rights, then read requests and write replies.

Imported by worker scripts, which run in a process of their own (`runtime/sandbox/process.py`). A message is a JSON
object, or a JSON object, a line feed and bytes, behind its length in four bytes, big-endian.
"""

import json
import os
import resource
import struct
import sys
from typing import Any


def give_up_rights(memory_bytes: int) -> list[str]:
    """Limit this process for good: it can open no file or socket, write no file and start no process.

    Returns what could not be limited on this system.
    """
    missing = []
    wanted = {
        "memory": (resource.RLIMIT_AS, memory_bytes),
        "files": (resource.RLIMIT_NOFILE, 3),  # standard input, output and error are all it has, and all it needs
        "file size": (resource.RLIMIT_FSIZE, 0),
        "core dumps": (resource.RLIMIT_CORE, 0),
        "processes": (getattr(resource, "RLIMIT_NPROC", -1), 0),
    }
    for name, (which, value) in wanted.items():
        try:
            resource.setrlimit(which, (value, value))
        except (ValueError, OSError):
            missing.append(name)
    if sys.platform == "darwin" and "memory" not in missing:
        missing.append("memory")  # accepted there, and not kept
    return missing


def allow_cpu(seconds: int) -> None:
    """Let this process live for `seconds` more of processor time: at least that, and less than one more."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + seconds + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def read_message() -> bytes | None:
    """The next request, or None at the end of the input."""
    header = read_exactly(4)
    return None if header is None else read_exactly(struct.unpack(">I", header)[0])


def read_exactly(count: int) -> bytes | None:
    """`count` bytes of input, or None at its end."""
    pieces = []
    while count:
        piece = os.read(0, min(count, 1 << 20))
        if not piece:
            return None
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def write(reply: dict[str, Any]) -> None:
    """Send a reply."""
    write_bytes(json.dumps(reply).encode())


def write_bytes(body: bytes) -> None:
    """Send a reply that is JSON already."""
    view = memoryview(struct.pack(">I", len(body)) + body)
    while view:
        view = view[os.write(1, view) :]
