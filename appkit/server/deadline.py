"""Work with a deadline: one thread that does one thing after another, and callers that wait only so long."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class DeadlineError(Exception):
    """The work was not done in time. It may still be going on; nobody waits for it any more."""


class Worker:
    """Owns a daemon thread, so that work which never ends does not keep the process."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = queue.SimpleQueue()
        threading.Thread(target=self._serve, name="deadline-worker", daemon=True).start()

    def begin(self, action: Callable[[], T]) -> "Future[T]":
        """Do `action` after what was begun before; nobody waits."""
        future: Future[T] = Future()
        self._jobs.put((action, future))
        return future

    def run(self, action: Callable[[], T], timeout_s: float) -> T:
        """What `action` returns or raises. Waiting for earlier work counts.

        Raises:
            DeadlineError: it took longer than `timeout_s`. Work that has not begun by then never will.
        """
        future = self.begin(action)
        try:
            return future.result(timeout=timeout_s)
        except TimeoutError as error:
            if future.done() and not future.cancelled():  # the work itself raised it
                raise
            reason = "an earlier call or the opening of the index still goes on" if future.cancel() else "it goes on"
            raise DeadlineError(f"No result after {timeout_s:g} s: {reason}. Ask again later.") from error

    def _serve(self) -> None:
        while True:
            action, future = self._jobs.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(action())
            except BaseException as error:
                future.set_exception(error)
