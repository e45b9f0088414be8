"""Renders a template with given variables, within limits, in a worker process that is started when first needed."""

import atexit
import datetime
import functools
import json
import logging
import os
import signal
import threading
import weakref
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from runtime.sandbox.errors import (
    SandboxError,
    SandboxLimitError,
    SandboxRefusedError,
    SandboxSyntaxError,
    SandboxUnavailableError,
    SandboxUndefinedError,
    TemplateFailedError,
    TemplateRaisedError,
)
from runtime.sandbox.process import WorkerDiedError, WorkerProcess, WorkerTimeoutError

WORKER_FILE = Path(__file__).with_name("worker.py")
MAX_NESTING = 100  # of the variables
START_TIMEOUT_S = 30.0  # a start takes 0.05 s; a busy machine may take long, and nothing hostile runs yet

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class RenderOptions:
    """How Jinja2 reads a template. `helpers` "chat" adds what chat templates of model files rely on:
    raise_exception, strftime_now and the generation tag."""

    trim_blocks: bool = False
    lstrip_blocks: bool = False
    keep_trailing_newline: bool = False
    strict: bool = False  # an unknown variable is an error, rather than empty
    helpers: Literal["none", "chat"] = "none"


@dataclass(frozen=True, kw_only=True)
class SandboxLimits:
    """What one render may take. Raises ValueError for a limit below 1 (below 64 MiB for memory: Python needs 30)."""

    cpu_s: int = 1  # processor time; the kernel counts whole seconds, so up to one more
    wall_s: float = 2.5
    memory_bytes: int = 512 << 20
    input_bytes: int = 16 << 20  # template and variables as JSON
    output_chars: int = 16 << 20

    def __post_init__(self) -> None:
        if min(self.cpu_s, self.input_bytes, self.output_chars) < 1 or self.wall_s <= 0:
            raise ValueError(f"Every limit of a sandbox must be positive, got {self}.")
        if self.memory_bytes < 64 << 20:
            raise ValueError(f"memory_bytes is {self.memory_bytes}; a worker needs at least {64 << 20}.")


@dataclass(frozen=True, kw_only=True)
class TemplateNames:
    """What a template reads from what it is given, and what it includes: name → line where it first does."""

    variables: Mapping[str, int]
    templates: Mapping[str, int]


class Sandbox:
    """Owns one worker process. Safe to share between threads (they take turns) and after fork (a child gets its own).

    A worker that is killed or dies is replaced at the next render.
    """

    def __init__(self, limits: SandboxLimits | None = None) -> None:
        self._limits = limits or SandboxLimits()
        self._lock = threading.Lock()
        self._worker: WorkerProcess | None = None
        self._is_greeted = False  # the worker's first words have been read
        self._has_warned = False
        owner = weakref.ref(self)  # the hooks below live as long as the process; the sandbox need not
        os.register_at_fork(after_in_child=lambda: _call(owner, Sandbox._forget))
        atexit.register(lambda: _call(owner, Sandbox.close))

    def render(
        self,
        source: str,
        variables: Mapping[str, Any],
        *,
        options: RenderOptions | None = None,
        partials: Mapping[str, str] | None = None,
        now: datetime.datetime | None = None,
    ) -> str:
        """The text that template `source` makes of `variables`.

        Args:
            variables: plain data all through: text, numbers, booleans, None, lists and mappings with text keys.
            partials: sources that the template may include or import, by name; without any it may not at all.
            now: what strftime_now tells; None is the present.

        Raises:
            TypeError: a value that is not plain data.
            ValueError: variables nested too deep.
            SandboxError: one of its subclasses (`runtime/sandbox/errors.py`).
        """
        request = _request("render", source, options)
        request["partials"] = json.dumps(dict(partials or {}))
        request["variables"] = _plain(variables, "variables", 0)
        request["now"] = (now or datetime.datetime.now()).isoformat()
        request["max_output_chars"] = self._limits.output_chars
        return str(self._ask(request))

    def variables(self, source: str, *, options: RenderOptions | None = None) -> frozenset[str]:
        """Names that template `source` reads from what it is given. Raises as `render`."""
        return frozenset(self._ask(_request("variables", source, options)))

    def names(self, source: str, *, options: RenderOptions | None = None) -> TemplateNames:
        """What template `source` reads and includes; what it includes need not exist.

        Raises as `render`: SandboxSyntaxError also for blocks, and for an included name that is not written out.
        """
        return TemplateNames(**self._ask(_request("names", source, options)))

    def warm_up(self) -> None:
        """Start the worker, if there is none, without waiting for it: the next render then need not."""
        with self._lock:
            self._ready_worker()

    def close(self) -> None:
        """End the worker. A later render starts another one."""
        with self._lock:
            self._discard()

    def _ask(self, request: dict[str, Any]) -> Any:
        try:
            message = json.dumps(request).encode()
        except ValueError as error:  # a number of more than 4,300 digits
            raise ValueError(f"The variables cannot be sent to the sandbox: {error}.") from error
        if len(message) > self._limits.input_bytes:
            raise SandboxLimitError(
                f"The template and its variables take {len(message)} bytes; the sandbox accepts "
                f"{self._limits.input_bytes}. Shorten the conversation.",
                "input",
            )
        with self._lock:
            reply = json.loads(self._exchange(message))
            if reply.get("error") == "memory":
                self._discard()  # its heap is in pieces
        if "error" in reply:
            raise self._error(reply)
        return reply["result"]

    def _exchange(self, message: bytes) -> bytes:
        max_reply_bytes = 6 * self._limits.output_chars + (1 << 16)  # a character escaped in JSON takes up to 6 bytes
        worker = self._ready_worker()
        try:
            self._greet(worker)
            return worker.exchange(message, self._limits.wall_s, max_reply_bytes)
        except WorkerTimeoutError as error:
            self._discard()
            raise self._time_error() from error
        except WorkerDiedError as error:
            status = self._discard()
            if status == -signal.SIGXCPU:
                raise self._time_error() from error
            raise TemplateFailedError(
                f"The template's process ended with status {status}: {error}. It is replaced; if it ends so again "
                f"with this template, the template is at fault."
            ) from error
        except BaseException:  # Ctrl-C too: half a message is left in a pipe
            self._discard()
            raise

    def _ready_worker(self) -> WorkerProcess:
        if self._worker is not None and not self._worker.is_alive():
            self._discard()
        if self._worker is None:
            try:
                self._worker = WorkerProcess(
                    WORKER_FILE,
                    ("jinja2", "markupsafe"),
                    memory_bytes=self._limits.memory_bytes,
                    cpu_s=self._limits.cpu_s,
                )
            except (OSError, ImportError) as error:
                raise SandboxUnavailableError(
                    f"Templates are rendered in a process of their own, and it cannot be started: {error}."
                ) from error
            self._is_greeted = False
        return self._worker

    def _greet(self, worker: WorkerProcess) -> None:
        """Read what a new worker says of itself, once it has started."""
        if self._is_greeted:
            return
        try:
            greeting = json.loads(worker.receive(START_TIMEOUT_S, max_reply_bytes=1 << 16))
        except (WorkerTimeoutError, WorkerDiedError) as error:
            status = self._discard()
            raise SandboxUnavailableError(
                f"The process that renders templates did not start (status {status}). To see why, run: {worker.command}"
            ) from error
        self._is_greeted = True
        if greeting["unlimited"] and not self._has_warned:
            self._has_warned = True
            logger.warning(
                "This system does not limit the %s of the process that renders templates; its deadline (%s s) holds.",
                " and ".join(greeting["unlimited"]),
                self._limits.wall_s,
            )

    def _discard(self) -> int | None:
        """End the worker, if there is one; its exit status."""
        worker, self._worker = self._worker, None
        return None if worker is None else worker.kill()

    def _forget(self) -> None:
        """In a child after fork: the worker is the parent's, and a thread left behind may have held the lock."""
        self._lock = threading.Lock()
        if self._worker is not None:
            self._worker.abandon()
            self._worker = None

    def _time_error(self) -> SandboxLimitError:
        return SandboxLimitError(
            f"The template ran for more than {self._limits.cpu_s} s of processor time or {self._limits.wall_s} s "
            f"in all and was stopped.",
            "time",
        )

    def _error(self, reply: dict[str, Any]) -> SandboxError:
        error = self._error_of_kind(reply)
        error.partial = reply["partial"]
        error.reason = reply["message"] or str(error)
        return error

    def _error_of_kind(self, reply: dict[str, Any]) -> SandboxError:
        message, line, partial = reply["message"], reply["line"], reply["partial"]
        where = "" if line is None else f" (line {line})" if partial is None else f" (line {line} of {partial!r})"
        match reply["error"]:
            case "syntax":
                return SandboxSyntaxError(f"The template cannot be read{where}: {message}", line)
            case "refused":
                return SandboxRefusedError(f"The template did what templates may not do{where}: {message}", line)
            case "undefined":
                return SandboxUndefinedError(
                    f"The template needs what it was not given{where}: {message}", line, reply["variable"]
                )
            case "raised":
                return TemplateRaisedError(message, line)
            case "recursion":
                return SandboxLimitError(f"The template nests or calls itself too deeply{where}.", "recursion", line)
            case "memory":
                return SandboxLimitError(
                    f"The template needs more than {self._limits.memory_bytes} bytes of memory{where}.", "memory", line
                )
            case "output":
                return SandboxLimitError(
                    f"The template writes more than {self._limits.output_chars} characters.", "output", line
                )
            case _:
                return TemplateFailedError(f"The template failed{where}: {message}", line)


@functools.cache
def shared_sandbox() -> Sandbox:
    """The sandbox of this process, made when first asked for: a worker is a process, and one is enough."""
    return Sandbox()


def render(
    source: str,
    variables: Mapping[str, Any],
    *,
    options: RenderOptions | None = None,
    partials: Mapping[str, str] | None = None,
    now: datetime.datetime | None = None,
) -> str:
    """`Sandbox.render` on the sandbox that the whole process shares."""
    return shared_sandbox().render(source, variables, options=options, partials=partials, now=now)


def warm_up() -> None:
    """Start the shared sandbox's worker without waiting for it."""
    shared_sandbox().warm_up()


def _request(operation: str, source: str, options: RenderOptions | None) -> dict[str, Any]:
    return {
        "operation": operation,
        "source": source,
        "options": json.dumps(asdict(options or RenderOptions())),
    }


def _plain(value: Any, where: str, depth: int) -> Any:
    """`value` rebuilt from the types of JSON, so that a template sees no object with methods of its own."""
    if value is None or type(value) in (str, int, float, bool):
        return value
    if depth > MAX_NESTING:
        raise ValueError(f"{where[:80]}… is nested more than {MAX_NESTING} deep.")
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{where} has the key {key!r}; keys must be text.")
        return {str.__str__(key): _plain(item, f"{where}.{key}", depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}[{i}]", depth + 1) for i, item in enumerate(value)]
    for plain in (str, int, float):  # subclasses: enumerations and the like
        if isinstance(value, plain):
            return getattr(plain, f"__{plain.__name__}__")(value)
    raise TypeError(f"{where} is a {type(value).__name__}; a template takes text, numbers, lists and mappings.")


def _call(owner: "weakref.ref[Sandbox]", method: Any) -> None:
    sandbox = owner()
    if sandbox is not None:
        method(sandbox)
