"""`Cancellation`: one switch that ends a run and everything it is waiting for, sub-agents included."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from appkit.llm.base import CompletionStream


class Cancellation:
    """Shared by a run and its sub-agents; any thread may call `cancel`. Owns nothing but the switch."""

    def __init__(self) -> None:
        self.event = threading.Event()  # tools wait for it
        self._stream: CompletionStream | None = None

    @property
    def is_set(self) -> bool:
        return self.event.is_set()

    def cancel(self) -> None:
        """End what is being generated, within a token, or waited for; what was made stays."""
        self.event.set()
        if (stream := self._stream) is not None:
            stream.cancel()

    @contextmanager
    def watching(self, stream: CompletionStream, seconds: float) -> Iterator[None]:
        """Within the block `stream` is ended by `cancel`, or after `seconds`; after it, in any case."""
        timer = threading.Timer(max(0.0, seconds), stream.cancel)
        timer.daemon = True
        self._stream = stream
        try:
            with stream:
                timer.start()
                if self.is_set:  # it was, before there was a stream to cancel
                    stream.cancel()
                yield
        finally:
            timer.cancel()
            self._stream = None
            if timer.is_alive():
                timer.join()  # at the end of a program it would hold the model when its memory is given back
