"""Compiles one constraint over single bytes, within limits, and says what it took. Run as a script, never imported.

It reads one request, a constraint as JSON, and writes `{"memory_bytes": …}` or `{"error": …}`, as
`runtime/sandbox/child.py` describes; where a limit is passed, the system ends it without a word.

Arguments: limits as JSON (memory_bytes on top of what Python and llguidance have, cpu_ms, stack_bytes), then the
folders that hold llguidance and this package.
"""

import sys

if __name__ == "__main__":
    sys.path.extend(sys.argv[2:])

import json
import os
import resource
import signal
from typing import Any

from runtime.grammar.base import Constraint
from runtime.grammar.bytewise import compile_bytewise
from runtime.grammar.tables import byte_tables
from runtime.sandbox.child import give_up_rights, read_message, write

UNKNOWN_ADDRESS_SPACE = 512 << 20  # more than Python and llguidance take


def main() -> None:
    """Serve one request."""
    limits = json.loads(sys.argv[1])
    byte_tables()
    resource.setrlimit(resource.RLIMIT_STACK, (limits["stack_bytes"], resource.getrlimit(resource.RLIMIT_STACK)[1]))
    memory = _Memory()
    give_up_rights(memory.sizes()[0] + limits["memory_bytes"])
    request = read_message()
    if request is None:
        return
    signal.setitimer(signal.ITIMER_PROF, limits["cpu_ms"] / 1000)  # then SIGPROF ends this process
    _, before = memory.sizes()
    try:
        compiled = compile_bytewise(_constraint(json.loads(request)))
        reply: dict[str, Any] = {"memory_bytes": memory.sizes()[1] - before}
        del compiled  # not sooner: it was measured
    except ValueError as error:
        reply = {"error": str(error)}
    write(reply)


def _constraint(data: dict[str, Any]) -> Constraint:
    source = data["source"] if isinstance(data["source"], str) else tuple(data["source"])
    parts = tuple((name, _constraint(part)) for name, part in data["parts"])
    return Constraint(data["kind"], source, data["after"], parts)


class _Memory:
    """Address space and resident memory of this process, in bytes, as far as the system tells (Linux does)."""

    def __init__(self) -> None:
        try:
            self._file: int | None = os.open("/proc/self/statm", os.O_RDONLY)  # no file can be opened later
        except OSError:
            self._file = None

    def sizes(self) -> tuple[int, int]:
        if self._file is None:
            return UNKNOWN_ADDRESS_SPACE, 0
        pages = os.pread(self._file, 200, 0).split()
        return int(pages[0]) * resource.getpagesize(), int(pages[1]) * resource.getpagesize()


if __name__ == "__main__":
    main()
