"""The calls of one tool: each in a daemon thread, with a deadline, and none beside one that never ended."""

import contextvars
import threading
import time
from collections.abc import Callable
from typing import Any

from appkit.tools.context import ToolContext

_POLL_S = 0.02  # how soon a caller that can cancel is heard
_GRACE_S = 0.1  # for an abandoned call that is about to end


class CallAbandonedError(Exception):
    """Nobody waits for the call any more: its time is up, or it was cancelled. It may go on in its thread."""


class EarlierCallError(Exception):
    """An earlier call was abandoned and still goes on."""


class CallFailedError(Exception):
    """The work ended with an exception, which is the cause of this one."""


class Calls:
    """Owns the threads of one tool. Calls may overlap; only one that was abandoned keeps others from starting."""

    def __init__(self) -> None:
        self._abandoned: list[threading.Thread] = []
        self._lock = threading.Lock()

    def run(
        self, work: Callable[[ToolContext], Any], timeout_s: float, *, name: str, cancelled: threading.Event | None
    ) -> Any:
        """What `work` returns. It sees the caller's context variables. Ctrl-C ends the waiting at once.

        Args:
            name: of the thread.
            cancelled: set by another thread to end the waiting.

        Raises:
            CallAbandonedError, EarlierCallError, CallFailedError: see there. `work` may raise the first itself.
        """
        if cancelled is not None and cancelled.is_set():
            raise CallAbandonedError
        if self._still_goes_on(min(_GRACE_S, timeout_s)):
            raise EarlierCallError
        context, outcome = ToolContext(timeout_s), _Outcome()
        variables = contextvars.copy_context()
        thread = threading.Thread(
            target=variables.run, args=(outcome.fill, work, context), name=f"tool-{name}", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:  # the system has no thread left
            raise CallFailedError from error
        try:
            is_done = _wait(outcome.is_filled, context, cancelled)
        except BaseException:
            self._abandon(thread, context)
            raise
        if not is_done:
            self._abandon(thread, context)
            raise CallAbandonedError
        if isinstance(outcome.error, CallAbandonedError):
            raise outcome.error
        if outcome.error is not None:
            raise CallFailedError from outcome.error
        return outcome.value

    def _abandon(self, thread: threading.Thread, context: ToolContext) -> None:
        context.cancel()
        with self._lock:
            self._abandoned.append(thread)

    def _still_goes_on(self, wait_s: float) -> bool:
        """Whether an abandoned call has not ended, also not in the time given."""
        with self._lock:
            threads = list(self._abandoned)
        for thread in threads:
            thread.join(wait_s)
            if thread.is_alive():
                return True
        with self._lock:
            self._abandoned = [thread for thread in self._abandoned if thread not in threads]
        return False


class _Outcome:
    """What a thread leaves for who waits."""

    def __init__(self) -> None:
        self.value: Any = None
        self.error: BaseException | None = None
        self.is_filled = threading.Event()

    def fill(self, work: Callable[[ToolContext], Any], context: ToolContext) -> None:
        try:
            self.value = work(context)
            if context.is_cancelled:  # late; a tool that stopped for this has but a part
                raise CallAbandonedError
        except BaseException as error:  # SystemExit too: a tool ends its call, never the program
            self.error = error
        self.is_filled.set()


def _wait(is_done: threading.Event, context: ToolContext, cancelled: threading.Event | None) -> bool:
    """Whether the work was done in time."""
    if cancelled is None:
        return is_done.wait(context.seconds_left)
    while not is_done.wait(min(_POLL_S, context.seconds_left)):
        if cancelled.is_set() or time.monotonic() >= context.deadline:
            return is_done.is_set()
    return True
