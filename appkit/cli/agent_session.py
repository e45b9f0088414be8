"""A run of an agent on the command line: shown while it works, a person asked about calls, kept where it waits."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from appkit.cli.agent_approval import Approval, ask_approvals
from appkit.cli.keyboard import one_ctrl_c, without_echo

if TYPE_CHECKING:
    from appkit.agents import Agent, AgentResult, AgentState, AgentStream
    from appkit.cli.agent_job import AgentJob
    from appkit.cli.agent_view import AgentView
    from appkit.trace import TraceWriter


@dataclass(frozen=True, kw_only=True)
class AgentSession:
    """An agent, and how its run is shown and kept."""

    agent: "Agent"
    job: "AgentJob"
    open_view: "Callable[[], AgentView]"
    trace: "TraceWriter"
    state_path: Path | None
    is_attended: bool

    def start(self, task: str) -> "AgentResult":
        """Work on a task until it ends, or waits and nobody is there."""
        return self._with_person(self._follow(lambda: self.agent.stream(task, trace=self.trace)))

    def go_on(self, state: "AgentState", approvals: Mapping[str, Approval]) -> "AgentResult":
        """Go on where a run stood, with what a person said to its calls."""
        return self._with_person(self._resume(state, approvals))

    def keep(self, result: "AgentResult") -> None:
        """Write the state of a run that waits or was broken off; one that is done needs no file any more."""
        if self.state_path is None:
            return
        if result.state is None:
            self.state_path.unlink(missing_ok=True)
            return
        from appkit.cli.agent_job import WaitingRun

        WaitingRun(job=self.job, state=result.state).write(self.state_path)

    def _with_person(self, result: "AgentResult") -> "AgentResult":
        """Ask for approvals, and go on, as often as it takes."""
        while result.stopped_because == "approval" and self.is_attended and result.state is not None:
            approvals = ask_approvals(result.pending, result.state)
            if approvals is None:
                break
            result = self._resume(result.state, approvals)
        return result

    def _resume(self, state: "AgentState", approvals: Mapping[str, Approval]) -> "AgentResult":
        return self._follow(lambda: self.agent.stream_resume(state, approvals, trace=self.trace))

    def _follow(self, begin: "Callable[[], AgentStream]") -> "AgentResult":
        """Show one stream to its end. Ctrl-C cancels it, and it says how far it came."""
        with without_echo() if self.is_attended else nullcontext(), one_ctrl_c(), begin() as stream:
            with self.open_view() as view:
                try:
                    for event in stream:
                        view.show(event)
                except KeyboardInterrupt:
                    stream.cancel()
            return stream.result()
