"""Makes documents of files. What has to be parsed is parsed in a child that can be killed."""

import hashlib
import json
import logging
import os
import signal
import stat
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appkit.errors import RetrievalError
from appkit.retrieval.documents import Document, PageSpan, Section, SkippedFile, SkipReason
from appkit.retrieval.loaders.content import MAX_TEXT_BYTES, Content
from appkit.retrieval.loaders.errors import LoadingError, UnusableContentError, describe_os_error
from appkit.retrieval.loaders.formats import FORMATS, SUPPORTED_SUFFIXES, Format, format_of
from runtime.sandbox.process import WorkerDiedError, WorkerProcess, WorkerTimeoutError

WORKER_FILE = Path(__file__).with_name("worker.py")
START_TIMEOUT_S = 60.0  # a start takes half a second; a busy machine may take long, and nothing hostile runs yet

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class LoadingLimits:
    """What one file may take. Raises ValueError for a limit that nothing could meet."""

    file_bytes: int = 64 << 20
    cpu_s: int = 30  # processor time of the child; the kernel counts whole seconds, so up to one more
    wall_s: float = 33.0
    memory_bytes: int = 1 << 30  # address space of the child
    reply_bytes: int = 2 * MAX_TEXT_BYTES  # text in JSON, its outline and metadata

    def __post_init__(self) -> None:
        if min(self.file_bytes, self.cpu_s, self.reply_bytes) < 1 or self.wall_s <= 0:
            raise ValueError(f"Every limit of loading must be positive, got {self}.")
        if self.memory_bytes < 128 << 20:
            raise ValueError(f"memory_bytes is {self.memory_bytes}; the child needs at least {128 << 20}.")


class DocumentParser:
    """Owns one child, started when first needed and replaced after a kill. A context manager; threads take turns."""

    def __init__(self, limits: LoadingLimits | None = None) -> None:
        self._limits = limits or LoadingLimits()
        self._lock = threading.Lock()
        self._worker: WorkerProcess | None = None
        self._has_warned = False

    def __enter__(self) -> "DocumentParser":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child. A later load starts another one."""
        with self._lock:
            self._discard()

    def load(self, path: Path, source: str) -> Document:
        """The document at `path`, called `source`.

        Raises:
            LoadingError: its `skipped` says why this file is no document.
            RetrievalError: no child can be started: true of every file, so nothing is skipped on its account.
        """
        try:
            format, media_type = _known_format(path)
            data = _read_file(path, self._limits.file_bytes)
            content = self._parse(format, data)
            if not content.text.strip():
                raise UnusableContentError("empty", "It holds no text.")
        except UnusableContentError as error:
            skipped = SkippedFile(source=source, reason=error.reason, detail=error.detail)
            raise LoadingError(skipped) from error
        return Document(
            source=source,
            text=content.text,
            media_type=media_type,
            sha256=hashlib.sha256(data).hexdigest(),
            title=content.title or path.name,
            pages=content.pages,
            sections=content.sections,
            metadata=content.metadata,
        )

    def _parse(self, format: Format, data: bytes) -> Content:
        if not format.in_child:
            return format.reader()(data)
        message = json.dumps({"format": format.name}).encode() + b"\n" + data
        with self._lock:
            reply = json.loads(self._exchange(message))
            if reply.get("error") == "memory":
                self._discard()  # its heap is in pieces
                raise self._memory_error()
        if "error" in reply:
            raise UnusableContentError(reply["error"], reply["detail"])
        return _content(reply["content"])

    def _exchange(self, message: bytes) -> bytes:
        worker = self._ready_worker()
        try:
            return worker.exchange(message, self._limits.wall_s, self._limits.reply_bytes)
        except WorkerTimeoutError as error:
            self._discard()
            raise self._time_error() from error
        except WorkerDiedError as error:
            status = self._discard()
            if status == -signal.SIGXCPU:
                raise self._time_error() from error
            reason: SkipReason = "corrupt"
            raise UnusableContentError(
                reason,
                f"The process that read it ended with status {status}, as a broken or hostile file can bring about.",
            ) from error
        except BaseException:  # Ctrl-C too: half a message is left in a pipe
            self._discard()
            raise

    def _ready_worker(self) -> WorkerProcess:
        if self._worker is not None and self._worker.is_alive():
            return self._worker
        self._discard()
        limits = self._limits
        packages = ["appkit", *dict.fromkeys(package for format in FORMATS for package in format.packages)]
        try:
            self._worker = worker = WorkerProcess(
                WORKER_FILE,
                packages,
                memory_bytes=limits.memory_bytes,
                cpu_s=limits.cpu_s,
                max_reply_bytes=limits.reply_bytes,
            )
        except (OSError, ImportError) as error:
            raise RetrievalError(
                f"Files are parsed in a process of their own, and it cannot be started: {error}."
            ) from error
        try:
            greeting = json.loads(worker.receive(START_TIMEOUT_S, max_reply_bytes=1 << 16))
        except (WorkerTimeoutError, WorkerDiedError) as error:
            status = self._discard()
            raise RetrievalError(
                f"The process that parses files did not start (status {status}). To see why, run: {worker.command}"
            ) from error
        except BaseException:  # Ctrl-C: its first words are still in the pipe
            self._discard()
            raise
        if greeting["unlimited"] and not self._has_warned:
            self._has_warned = True
            logger.warning(
                "This system does not limit the %s of the process that parses files; its deadline (%s s) holds.",
                " and ".join(greeting["unlimited"]),
                limits.wall_s,
            )
        return worker

    def _discard(self) -> int | None:
        """End the child, if there is one; its exit status."""
        worker, self._worker = self._worker, None
        return None if worker is None else worker.kill()

    def _time_error(self) -> UnusableContentError:
        return UnusableContentError(
            "too slow",
            f"Reading it took more than {self._limits.cpu_s} s of processor time or {self._limits.wall_s:g} s in all, "
            f"and was stopped. Split it into smaller files.",
        )

    def _memory_error(self) -> UnusableContentError:
        return UnusableContentError(
            "too large", f"Reading it takes more than {self._limits.memory_bytes >> 20} MiB of memory."
        )


def load_document(path: Path, source: str) -> Document:
    """One document, with a child of its own where it has to be parsed: for many files, share a `DocumentParser`.

    Raises as `DocumentParser.load`.
    """
    with DocumentParser() as parser:
        return parser.load(path, source)


def _known_format(path: Path) -> tuple[Format, str]:
    known = format_of(path)
    if known is None:
        raise UnusableContentError(
            "unsupported",
            f"Files of the kind {path.suffix or 'without a suffix'} are not read; "
            f"{len(SUPPORTED_SUFFIXES)} kinds are, such as .md, .html, .pdf, .docx, .csv and .txt.",
        )
    return known


def _read_file(path: Path, max_bytes: int) -> bytes:
    """All bytes of a regular file. Raises UnusableContentError."""
    try:
        with open(path, "rb", opener=_open_waiting_for_nobody) as file:
            num_bytes = os.fstat(file.fileno()).st_size
            if num_bytes > max_bytes:
                raise _file_too_large(num_bytes, max_bytes)
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise describe_os_error(error) from error
    if len(data) > max_bytes:
        raise _file_too_large(len(data), max_bytes)  # it grew, or its size was a lie, as in /proc
    if not data:
        raise UnusableContentError("empty", "It has 0 bytes.")
    return data


def _open_waiting_for_nobody(path: str, flags: int) -> int:
    """Open a regular file. Opening a named pipe would wait for its writer, and a device may do anything."""
    descriptor = os.open(path, flags | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnusableContentError("unsupported", "It is no regular file.")
    return descriptor


def _file_too_large(num_bytes: int, max_bytes: int) -> UnusableContentError:
    return UnusableContentError(
        "too large", f"It has {num_bytes} bytes; at most {max_bytes} are read. Split it into several files."
    )


def _content(reply: dict[str, Any]) -> Content:
    return Content(
        text=reply["text"],
        title=reply["title"],
        pages=tuple(PageSpan(**page) for page in reply["pages"]),
        sections=tuple(Section(**section) for section in reply["sections"]),
        metadata=reply["metadata"],
    )
