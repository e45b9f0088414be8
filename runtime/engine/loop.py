"""`EngineLoop`: the one thread that owns model and pages, and the door through which other threads hand it work."""

import atexit
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from runtime.engine.process import check_process
from runtime.engine.scheduler import Scheduler
from runtime.engine.task import Task
from runtime.errors import EngineClosedError

_logger = logging.getLogger(__name__)
_T = TypeVar("_T")


class EngineLoop:
    """Tasks and calls come in from any thread; all else happens in the loop's own.

    It knows no `Engine`, so that an engine nobody holds any more can be collected and end the thread.
    """

    def __init__(self, scheduler: Scheduler | None) -> None:
        """Start the thread, which owns `scheduler` from here on. None, as for an embedder: only calls are served."""
        self._scheduler = scheduler
        self._changed = threading.Condition()  # guards what other threads touch: the next three
        self._new_tasks: list[Task] = []
        self._calls: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._is_closing = False
        self._failure: BaseException | None = None
        self._process_id = os.getpid()
        self._thread = threading.Thread(target=self._run, name="appkit-engine", daemon=True)
        atexit.register(self.close)  # the thread must not be inside native code while the interpreter goes away
        self._thread.start()

    # from any thread ---------------------------------------------------------------------------------------------
    def submit(self, task: Task) -> None:
        """Queue a task. Raises EngineClosedError."""
        with self._opened():
            self._new_tasks.append(task)

    def call(self, function: Callable[[], _T]) -> "Future[_T]":
        """Run a function in the loop's thread, between two steps. Raises EngineClosedError."""
        future: Future[_T] = Future()
        with self._opened():
            self._calls.append((future, function))
        return future

    def cancel(self, task: Task) -> None:
        """End a task within a step; harmless once it has ended."""
        task.is_cancelled = True

    def check_open(self) -> None:
        """Raise EngineClosedError where nothing can be submitted: closed, or in a forked child."""
        with self._opened():
            pass

    def close(self) -> None:
        """End everything unfinished with EngineClosedError and wait for the thread. Twice is harmless."""
        self.stop_soon()
        if os.getpid() == self._process_id and threading.current_thread() is not self._thread:
            self._thread.join()
            atexit.unregister(self.close)

    def stop_soon(self) -> None:
        """Begin to close, without waiting."""
        if os.getpid() != self._process_id:
            return  # a forked child has no thread to stop, and the lock may be held for ever there
        with self._changed:
            self._is_closing = True
            self._changed.notify()

    @contextmanager
    def _opened(self) -> Iterator[None]:
        check_process(self._process_id)
        with self._changed:
            if self._is_closing:
                raise self._closed_error()
            yield
            self._changed.notify()

    # in the loop's thread ----------------------------------------------------------------------------------------
    def _run(self) -> None:
        try:
            while self._wait_for_work():
                self._serve_one_call()
                if self._scheduler is not None:
                    self._scheduler.round()
        except BaseException as error:  # a bug of ours: nobody may wait for ever because of it
            _logger.exception("The engine stopped on an unexpected error.")
            self._failure = error
        finally:
            self._end_all()
            # Pages go here, not with the last reference: the exit of the process waits for this thread, and a loop that
            # nobody closed stays registered for that until then, so it must be small.
            self._scheduler = None

    def _wait_for_work(self) -> bool:
        """Sleep while there is nothing to do. False when it is time to end."""
        with self._changed:
            while not (self._is_closing or self._new_tasks or self._calls or self._has_tasks()):
                self._changed.wait()
            if self._scheduler is not None:
                for task in self._new_tasks:
                    self._scheduler.add(task)
            self._new_tasks.clear()
            return not self._is_closing

    def _has_tasks(self) -> bool:
        return self._scheduler is not None and self._scheduler.has_tasks

    def _serve_one_call(self) -> None:
        with self._changed:
            if not self._calls:
                return
            future, function = self._calls.popleft()
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(function())
            except Exception as error:
                future.set_exception(error)

    def _end_all(self) -> None:
        """Answer everybody who still waits and give every page back."""
        with self._changed:
            self._is_closing = True
            calls, tasks = list(self._calls), list(self._new_tasks)
            self._calls.clear()
            self._new_tasks.clear()
        for future, _ in calls:
            if future.set_running_or_notify_cancel():
                future.set_exception(self._closed_error())
        for task in tasks:
            task.fail(self._closed_error())
        if self._scheduler is not None:
            self._scheduler.end_all(self._closed_error())

    def _closed_error(self) -> EngineClosedError:
        if self._failure is None:
            return EngineClosedError("The engine is closed. Build a new Engine to run requests.")
        error = EngineClosedError(f"The engine stopped on an unexpected error: {self._failure!r}. Build a new Engine.")
        error.__cause__ = self._failure
        return error
