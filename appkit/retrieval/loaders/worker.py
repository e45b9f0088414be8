"""Reads files' contents in a process of its own. Run as a script, never imported.

It speaks as `runtime/sandbox/child.py` describes: a request is {"format": name}, a line feed and the content; the reply
is a `Content` as JSON, or an error. By the time it reads a request it can open no file or socket, write no file and
start no process: the content comes through the pipe.

Arguments: limits as JSON, then the folders that hold what it imports (`python -S` looks into no others).
"""

import sys

if __name__ == "__main__":
    sys.path.extend(sys.argv[2:])

import contextlib
import json
import signal
import time
from dataclasses import asdict
from typing import Any

from appkit.retrieval.loaders.errors import UnusableContentError
from appkit.retrieval.loaders.formats import FORMATS
from appkit.retrieval.loaders.late_imports import import_all
from runtime.sandbox.child import allow_cpu, give_up_rights, read_message, write, write_bytes

MAX_MESSAGE_CHARS = 500


def read_content(body: bytes) -> dict[str, Any]:
    """The reply to a request."""
    header, _, data = body.partition(b"\n")
    reader = READERS[json.loads(header)["format"]]
    try:
        return {"content": asdict(reader(data))}
    except UnusableContentError as error:
        return failure(error.reason, error.detail)
    except RecursionError:
        return failure("corrupt", "It nests deeper than can be read.")


def failure(reason: str, detail: str) -> dict[str, Any]:
    """An error as a reply."""
    return {"error": reason, "detail": " ".join(detail.split())[:MAX_MESSAGE_CHARS]}


def answer(body: bytes, max_reply_bytes: int) -> bytes:
    """The reply to a request, as JSON that is not too long."""
    try:
        reply = json.dumps(read_content(body), ensure_ascii=False).encode()
        if len(reply) <= max_reply_bytes:
            return reply
        error = failure(
            "too large", f"Its text and outline take {len(reply)} bytes; at most {max_reply_bytes} are read."
        )
    except MemoryError:
        error = {"error": "memory"}  # the parent knows the limit
    except Exception as problem:  # of a reader: the file is at fault until shown otherwise
        error = failure("corrupt", f"It cannot be read: {type(problem).__name__}: {problem}.")
    return json.dumps(error).encode(errors="replace")


def main() -> None:
    """Serve until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limits = json.loads(sys.argv[1])
    time.tzset()  # reads the zone's file, which cannot be opened later
    import_all()
    write({"unlimited": give_up_rights(limits["memory_bytes"])})
    while (body := read_message()) is not None:
        allow_cpu(limits["cpu_s"])
        reply = answer(body, limits["max_reply_bytes"])
        del body
        write_bytes(reply)
        del reply


READERS = {format.name: format.reader() for format in FORMATS}

if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):  # the parent left while we worked
        main()
