"""A run of an agent on the command line: shown while it works, a person asked about calls, kept where it waits."""

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from appkit.agents.events import ToolStarted
from appkit.cli.agent_approval import Approval, ask_approvals
from appkit.cli.keyboard import without_echo

if TYPE_CHECKING:
    from appkit.agents import Agent, AgentResult, AgentState, AgentStream
    from appkit.cli.agent_job import AgentJob
    from appkit.cli.agent_view import AgentView
    from appkit.trace import TraceWriter


@dataclass(frozen=True, kw_only=True)
class AgentSession:
    """An agent, and how its runs are shown and kept.

    With a `state_path` the state is there before each call is made and at the end, whatever ends this process, so that
    no call is made twice. It is gone when the task has its answer.
    """

    agent: "Agent"
    job: "AgentJob"
    open_view: "Callable[[], AgentView]"
    trace: "TraceWriter"
    state_path: Path | None
    is_attended: bool  # a person is there to approve calls

    def start(self, task: str) -> "AgentResult":
        """Work on a task until it ends, or waits and nobody is there."""
        return self._with_person(self._follow(self.agent.stream(task, trace=self.trace)))

    def go_on(self, state: "AgentState", approvals: Mapping[str, Approval]) -> "AgentResult":
        """Go on where a run stood, with what a person said to its calls."""
        return self._with_person(self._follow(self.agent.stream_resume(state, approvals, trace=self.trace)))

    def _with_person(self, result: "AgentResult") -> "AgentResult":
        """Ask for approvals, and go on, as often as it takes."""
        while result.stopped_because == "approval" and self.is_attended and result.state is not None:
            approvals = ask_approvals(result.pending)
            if approvals is None:
                break
            result = self._follow(self.agent.stream_resume(result.state, approvals, trace=self.trace))
        return result

    def _follow(self, stream: "AgentStream") -> "AgentResult":
        """Show one stream to its end. Ctrl-C ends it soon, and it still says how far it came."""
        try:
            with without_echo() if self.is_attended else nullcontext(), stream, _cancelling(stream):
                with self.open_view() as view:
                    for event in stream:
                        view.show(event)
                        if isinstance(event, ToolStarted):
                            self._keep(stream.state)
                result = stream.result()
        except BaseException:  # the model failed, or Ctrl-C twice: what was done so far is not lost
            self._keep(stream.state)
            raise
        self._keep(None if result.is_complete else stream.state)
        return result

    def _keep(self, state: "AgentState | None") -> None:
        if self.state_path is None:
            return
        if state is None:
            self.state_path.unlink(missing_ok=True)
            return
        from appkit.cli.agent_job import WaitingRun

        WaitingRun(job=self.job, state=state).write(self.state_path)


@contextmanager
def _cancelling(stream: "AgentStream") -> Iterator[None]:
    """The first Ctrl-C within the block cancels the stream, a second one raises KeyboardInterrupt."""
    pressed: list[int] = []

    def press(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        if len(pressed) > 1:
            raise KeyboardInterrupt
        # From another thread: what is interrupted here may hold a lock that cancelling takes.
        threading.Thread(target=stream.cancel, daemon=True).start()

    before = signal.signal(signal.SIGINT, press)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
