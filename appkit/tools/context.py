"""What a running tool may know about its call: how long it has, and whether anyone still waits for it."""

import threading
import time


class ToolContext:
    """The call that a tool works for. A function gets it through a parameter annotated with this class.

    Python cannot end a thread from outside: a tool that works long looks at `is_cancelled` now and then, and stops.
    Nobody reads what it returns then; one that has a part to give does so while there are `seconds_left`.
    """

    def __init__(self, timeout_s: float) -> None:
        self._deadline = time.monotonic() + timeout_s
        self._cancelled = threading.Event()

    @property
    def deadline(self) -> float:
        """When nobody waits any more, in seconds of `time.monotonic()`."""
        return self._deadline

    @property
    def seconds_left(self) -> float:
        """Until the deadline; 0 when the call is cancelled or too late."""
        return 0.0 if self._cancelled.is_set() else max(0.0, self._deadline - time.monotonic())

    @property
    def is_cancelled(self) -> bool:
        """Whether the result is wanted no more: the deadline has passed, or the caller left."""
        return self.seconds_left == 0

    def cancel(self) -> None:
        """Tell the tool that nobody waits."""
        self._cancelled.set()
