"""`Handle`: what a caller holds of a submitted request; `Outbox`: where the engine's thread puts what it made.

Both are safe from any thread. Waiting is on a condition, never inside a native call, so Ctrl-C works at once.
"""

import os
import threading
from collections.abc import Callable, Iterator

from runtime.engine.process import check_process
from runtime.engine.requests import Piece, Request, Result


class Outbox:
    """Pieces of one request in order, then one outcome: a result or an error."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._pieces: list[Piece] = []  # grows only
        self._outcome: Result | BaseException | None = None  # set once
        self._process_id = os.getpid()

    def add(self, piece: Piece) -> None:
        with self._changed:
            self._pieces.append(piece)
            self._changed.notify_all()

    def end(self, outcome: Result | BaseException) -> None:
        """Nothing follows. The first outcome stays."""
        with self._changed:
            if self._outcome is None:
                self._outcome = outcome
                self._changed.notify_all()

    @property
    def is_ended(self) -> bool:
        return self._outcome is not None

    def pieces(self) -> tuple[Piece, ...]:
        """Those there are by now."""
        return tuple(self._pieces)

    def wait_for_piece(self, idx: int) -> Piece | None:
        """Piece number `idx`, or None where the request ended before it."""
        self._wait_until(lambda: idx < len(self._pieces) or self.is_ended)
        return self._pieces[idx] if idx < len(self._pieces) else None

    def wait_for_result(self, timeout_s: float | None) -> Result:
        """The outcome: returned if it is a result, raised if it is an error. TimeoutError where there is none yet."""
        if not self._wait_until(lambda: self.is_ended, timeout_s):
            raise TimeoutError(f"The request is not finished after {timeout_s} s and goes on; wait again or cancel.")
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        assert self._outcome is not None
        return self._outcome

    def _wait_until(self, is_ready: Callable[[], bool], timeout_s: float | None = None) -> bool:
        if is_ready():  # also the way in a forked child, for what was there before the fork
            return True
        check_process(self._process_id)
        with self._changed:
            return self._changed.wait_for(is_ready, timeout_s)


class Handle:
    """A submitted request. Made by `Engine.submit` and `Engine.fork`.

    Iterate for pieces as they come, or ask for the `result`; both wait. Every iteration starts at the first piece.
    """

    def __init__(self, request: Request, outbox: Outbox, cancel: Callable[[], None], engine: object) -> None:
        self.request = request
        self._outbox = outbox
        self._cancel = cancel
        self._engine = engine  # held so that it lives as long as somebody may wait for it

    def __iter__(self) -> Iterator[Piece]:
        """Pieces until the request ends. Raises what `result` raises; after a cancel it just ends."""
        idx = 0
        while (piece := self._outbox.wait_for_piece(idx)) is not None:
            yield piece
            idx += 1
        self.result()

    def result(self, timeout_s: float | None = None) -> Result:
        """The finished request.

        Args:
            timeout_s: how long to wait here; the request goes on after it.

        Raises:
            TimeoutError: not finished in time, here or by the request's own limit.
            EngineClosedError: the engine was closed first.
            ModelRuntimeError: what went wrong in this request.
        """
        return self._outbox.wait_for_result(timeout_s)

    def cancel(self) -> None:
        """End the request within a step, with finish reason "cancelled". Harmless once it has ended."""
        self._cancel()

    @property
    def is_done(self) -> bool:
        return self._outbox.is_ended

    @property
    def token_ids(self) -> tuple[int, ...]:
        """Ids generated so far, also where the request failed."""
        return tuple(token_id for piece in self._outbox.pieces() for token_id in piece.token_ids)

    @property
    def text(self) -> str:
        """Text generated so far, also where the request failed."""
        return "".join(piece.text for piece in self._outbox.pieces())
