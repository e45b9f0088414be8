"""One request to a server and the bytes of its answer, under bounds that a server cannot talk its way out of.

A thread of its own sends and reads, so a caller waits on a queue: it can be interrupted, cancelled from another thread,
and is never later than its deadline, whatever the server does. Each request has a connection of its own, which is what
lets `abort` break it at any moment.
"""

import itertools
import queue
import random
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from appkit.errors import RemoteModelError
from appkit.llm.remote_key import ApiKey, shown
from appkit.llm.remote_refusal import RETRIED, NoAnswerError, RemoteRefusal, refusal

if TYPE_CHECKING:
    import httpx

_MAX_REFUSAL_BYTES = 64 << 10
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 8.0


@dataclass(frozen=True, kw_only=True)
class RemoteLimits:
    """How long to wait for a server and how much to take from it. Every request ends within `deadline_s`."""

    connect_timeout_s: float = 10.0
    read_timeout_s: float = 120.0  # of silence; the first token of a long prompt may take its time
    deadline_s: float = 600.0  # from asking to the last byte, tries and waits between them included
    max_attempts: int = 4
    max_retry_after_s: float = 30.0  # a server that wants more patience than this is given up
    max_event_bytes: int = 1 << 20
    max_reply_bytes: int = 64 << 20

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 < value < threading.TIMEOUT_MAX:
                raise ValueError(f"{name} is {value}; it must be above 0 and have an end: nothing waits for ever.")


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request: `body` is posted, None is a GET; `accept` is the content type that the answer must have."""

    url: str
    body: bytes | None
    accept: str


class Exchange:
    """One request in a thread, which begins at once. `next_chunk` gives the body's bytes; errors are raised there.

    Args:
        client: must open a connection for each request, and follow no redirects.
        key: which `client` sends; here only so that no message shows it.
    """

    def __init__(self, client: "httpx.Client", call: Call, key: ApiKey | None, limits: RemoteLimits) -> None:
        self.url = call.url
        self._client = client
        self._call = call
        self._key = key
        self._limits = limits
        self._deadline = time.monotonic() + limits.deadline_s
        self._arrived: queue.SimpleQueue[bytes | Exception | None] = queue.SimpleQueue()  # None: the end
        self._is_aborted = threading.Event()
        self._socket: socket.socket | None = None
        threading.Thread(target=self._run, name="appkit-remote", daemon=True).start()

    def next_chunk(self) -> bytes | None:
        """The next bytes of the body, waited for; None at its end, and at once where `abort` was called.

        Raises:
            RemoteModelError: no answer in time, an error status, a broken connection, or more bytes than accepted.
        """
        try:
            item = self._arrived.get(timeout=max(0.0, self._deadline - time.monotonic()))
        except queue.Empty:
            self.abort()
            raise self._late() from None
        if self._is_aborted.is_set() or item is None:
            self._arrived.put(None)  # for whoever asks again
            return None
        if isinstance(item, Exception):
            raise item
        return item

    def read(self) -> bytes:
        """All of the body. Errors are those of `next_chunk`."""
        try:
            return b"".join(iter(self.next_chunk, None))
        finally:
            self.abort()  # an interrupt may have ended the wait

    def abort(self) -> None:
        """Break the connection and end the body, from any thread. Twice is harmless."""
        self._is_aborted.set()
        if (sock := self._socket) is not None:
            _break(sock)  # before the caller wakes: it may close the client, and what is closed cannot be broken
        self._arrived.put(None)

    def _run(self) -> None:
        """What the thread does: ask, and ask again where that may help."""
        try:
            for attempt in itertools.count(1):
                try:
                    self._attempt()
                    break
                except RemoteModelError as error:
                    wait_s = self._wait_s(error, attempt)
                    if wait_s is None:
                        raise
                    if self._is_aborted.wait(wait_s):
                        break
            self._arrived.put(None)
        except Exception as error:  # a mistake of ours too: whoever waits must hear of it
            self._arrived.put(error)

    def _attempt(self) -> None:
        import httpx

        limits = self._limits
        method, headers = "GET", {"Accept": self._call.accept}
        if self._call.body is not None:
            method = "POST"
            headers["Content-Type"] = "application/json"
        has_begun = False
        try:
            with self._client.stream(
                method,
                self.url,
                content=self._call.body,
                headers=headers,
                timeout=httpx.Timeout(limits.read_timeout_s, connect=limits.connect_timeout_s),
                extensions={"trace": self._note_socket},
            ) as response:
                has_begun = True
                self._check(response)
                self._receive(response)
        except httpx.ConnectTimeout as error:
            message = f"{self.url} cannot be reached within {limits.connect_timeout_s:g} s: is the server up?"
            raise NoAnswerError(message, self.url) from error
        except httpx.TimeoutException as error:
            raise self._error(
                f"was silent for {limits.read_timeout_s:g} s: it may be busy or gone. Try again, or wait longer with "
                "RemoteLimits(read_timeout_s=…)."
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._broken(error, has_begun) from error

    def _note_socket(self, event: str, info: Mapping[str, Any]) -> None:
        """httpx tells of each step it takes. After `start_tls` the socket is another object."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._socket = info["return_value"].get_extra_info("socket")
            if self._is_aborted.is_set() and self._socket is not None:
                _break(self._socket)

    def _check(self, response: "httpx.Response") -> None:
        encoding = response.headers.get("content-encoding", "identity").lower()
        if response.status_code != 200:
            raise refusal(
                self.url,
                response.status_code,
                self._refusal_body(response) if encoding == "identity" else b"",
                location=response.headers.get("location", ""),
                retry_after=response.headers.get("retry-after"),
                key=self._key,
            )
        if encoding != "identity":  # nobody asked for it, and a few bytes could become any number
            raise self._error(f"answered in the encoding {shown(encoding, self._key)!r}, which it was asked not to.")
        found = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if found != self._call.accept:
            raise self._error(
                f"answered with the content type {shown(found, self._key)!r} where {self._call.accept} was asked for: "
                "is this the address of an OpenAI-compatible server, as in http://host/v1?"
            )

    def _refusal_body(self, response: "httpx.Response") -> bytes:
        body = bytearray()
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > _MAX_REFUSAL_BYTES or time.monotonic() > self._deadline:
                break
        return bytes(body[:_MAX_REFUSAL_BYTES])

    def _receive(self, response: "httpx.Response") -> None:
        num_bytes = 0
        for chunk in response.iter_raw():
            num_bytes += len(chunk)
            if num_bytes > self._limits.max_reply_bytes:
                raise self._error(f"sent more than {self._limits.max_reply_bytes:,} bytes; the rest was not read.")
            if self._is_aborted.is_set():
                return
            if time.monotonic() > self._deadline:
                raise self._late()
            self._arrived.put(chunk)

    def _wait_s(self, error: RemoteModelError, attempt: int) -> float | None:
        """Seconds until the next try; None where there is to be none."""
        if not (isinstance(error, NoAnswerError) or error.status in RETRIED):
            return None
        asked_s = error.retry_after_s if isinstance(error, RemoteRefusal) else None
        is_spent = attempt >= self._limits.max_attempts or self._is_aborted.is_set()
        if is_spent or (asked_s is not None and asked_s > self._limits.max_retry_after_s):
            return None
        # Full jitter: clients that failed together do not come back together.
        longest_s = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** (attempt - 1))
        wait_s = random.SystemRandom().uniform(0, longest_s) + (asked_s or 0.0)
        return wait_s if time.monotonic() + wait_s < self._deadline else None

    def _broken(self, error: Exception, has_begun: bool) -> RemoteModelError:
        import httpx

        reason = shown(str(error), self._key) or type(error).__name__
        if has_begun:
            return self._error(f"broke off in the middle of its answer ({reason}). Try again.")
        if isinstance(error, httpx.ConnectError):
            return NoAnswerError(f"{self.url} cannot be reached ({reason}): is the server up?", self.url)
        if isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError):
            return NoAnswerError(f"{self.url} closed the connection without a proper answer ({reason}).", self.url)
        return self._error(f"cannot be asked ({reason}).")

    def _late(self) -> RemoteModelError:
        return self._error(
            f"did not finish within {self._limits.deadline_s:g} s: ask for fewer tokens, or wait longer with "
            "RemoteLimits(deadline_s=…)."
        )

    def _error(self, what: str) -> RemoteModelError:
        return RemoteModelError(f"{self.url} {what}", self.url)


def _break(sock: socket.socket) -> None:
    """End both directions at once, which wakes the thread that reads; `close` would not, and TLS would negotiate."""
    with suppress(OSError):  # it is closed already
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
