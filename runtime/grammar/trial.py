"""Compiles a constraint in a process of its own first, where it may hang, crash or eat memory without harm.

llguidance cannot be interrupted, and a stack that overflows ends the whole process. The trial runs over single bytes
(`runtime/grammar/bytewise.py`); what passes it is then compiled here, over bytes and over the vocabulary, at about the
same cost each. So a trial may take a quarter of the time, and half of the memory, that a constraint may take in all.
"""

import json
import signal
import threading
from dataclasses import asdict
from pathlib import Path

from runtime.grammar.base import Constraint
from runtime.sandbox.process import WorkerDiedError, WorkerProcess, WorkerTimeoutError

WORKER_FILE = Path(__file__).with_name("trial_worker.py")
CPU_MS = 500
MEMORY_BYTES = 112 << 20
STACK_BYTES = 4 << 20  # threads here have 8 MiB
WALL_S = 1.9  # of the whole trial; a start takes 0.15 s
MAX_REPLY_BYTES = 1 << 16
_turns = threading.BoundedSemaphore(2)  # trials at once


def try_compile(constraint: Constraint) -> int:
    """Compile `constraint` elsewhere; bytes that it took there.

    Raises:
        ValueError: it is refused, or takes too much; a process to try it in cannot be started.
    """
    with _turns:
        return _try_compile(constraint)


def _try_compile(constraint: Constraint) -> int:
    try:
        worker = WorkerProcess(
            WORKER_FILE, ("llguidance",), memory_bytes=MEMORY_BYTES, cpu_ms=CPU_MS, stack_bytes=STACK_BYTES
        )
    except (OSError, ImportError) as error:
        raise ValueError(
            f"This {constraint.kind} is first compiled in a process of its own, because it is large or of a kind that "
            f"can take very long, and none can be started: {error}."
        ) from error
    status = 0
    try:
        reply = json.loads(worker.exchange(json.dumps(asdict(constraint)).encode(), WALL_S, MAX_REPLY_BYTES))
    except WorkerTimeoutError as error:
        raise _too_dear(constraint, f"{WALL_S} s") from error
    except WorkerDiedError:
        reply = {}
    finally:
        status = worker.kill()
    if "error" in reply:
        raise ValueError(reply["error"])
    if "memory_bytes" not in reply:
        raise _too_dear(constraint, _passed_limit(status))
    return int(reply["memory_bytes"])


def _passed_limit(status: int) -> str:
    """What ended the worker, by its exit status."""
    if status == -signal.SIGPROF:
        return f"{CPU_MS / 1000} s of processor time"
    if status == -signal.SIGSEGV:
        return f"{STACK_BYTES >> 20} MiB of stack, for rules or references in a chain"
    return f"{MEMORY_BYTES >> 20} MiB of memory (exit status {status})"  # Rust aborts where it gets none


def _too_dear(constraint: Constraint, limit: str) -> ValueError:
    return ValueError(
        f"Compiling this {constraint.kind} takes more than {limit}. Make it smaller: fewer patterns at once, smaller "
        "counts and multiples, shorter lists; or check the finished text for it instead."
    )
