"""`AgentStream`: a run as it happens."""

from collections.abc import Callable, Iterator
from typing import Self

from appkit.agents.events import AgentEvent, Finished
from appkit.agents.loop import work
from appkit.agents.result import AgentResult
from appkit.agents.run import Run
from appkit.agents.state import AgentState
from appkit.errors import AppkitError


class AgentStream:
    """The events of one run. Nothing happens before the first is asked for, nor between two of them.

    A context manager: leaving the block ends the run where it is. An interrupt (Ctrl-C) does too; `state` then says
    how far it came.
    """

    def __init__(self, run: Run, close: Callable[[], None]) -> None:
        self._run = run
        self._close = close
        self._events = work(run)
        self._result: AgentResult | None = None

    def __iter__(self) -> Iterator[AgentEvent]:
        return self

    def __next__(self) -> AgentEvent:
        try:
            event = next(self._events)
        except BaseException:  # the end, an error, Ctrl-C: whichever it is, the run is over
            self._close()
            raise
        if isinstance(event, Finished):
            self._result = event.result
        return event

    def result(self) -> AgentResult:
        """The result; goes on to the end where iteration has not reached it.

        Raises:
            AppkitError: the run was interrupted, or its block was left.
        """
        for _ in self:
            pass
        if self._result is None:
            raise AppkitError("The run did not come to its end: resume it from AgentStream.state.")
        return self._result

    @property
    def state(self) -> AgentState:
        """Where the run stands now. Kept after each ToolStarted, it lets no call be made twice."""
        return self._run.snapshot()

    def cancel(self) -> None:
        """End the run soon, from any thread: within a token, or without waiting for a tool. The result stays whole."""
        self._run.cancellation.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        close = getattr(self._events, "close", None)
        if close is not None:
            close()  # ends what is being generated
        self._close()
