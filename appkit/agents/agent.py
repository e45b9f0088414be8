"""`Agent`: a model with tools, instructions and limits.

agent = Agent("smollm2-135m", tools=[calculator()])
print(agent.run("What is 17 * 23?").text)
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from appkit.agents.events import AgentEvent
from appkit.agents.limits import Limits
from appkit.agents.loop import work
from appkit.agents.recording import Recorder, open_trace
from appkit.agents.result import AgentResult
from appkit.agents.resuming import Approval, apply_approvals, check_state
from appkit.agents.run import Run, derive_seed
from appkit.agents.setup import DialectChoice, Setup
from appkit.agents.state import AgentState
from appkit.agents.stream import AgentStream
from appkit.agents.subagent import AgentTool, build_agent_tool
from appkit.errors import CapabilityError
from appkit.llm.base import DEFAULT_SETTINGS, GenerationSettings, LanguageModel
from appkit.llm.open import DEFAULT_MODEL, open_model
from appkit.messages import Message
from appkit.tools import Tool, check_tools

if TYPE_CHECKING:
    from appkit.trace import TraceWriter

    Trace = TraceWriter | Path | str | None


class Agent:
    """A model that acts through tools. Holds nothing of a run, so one agent can work on many tasks.

    Args:
        model: a catalog name, a file, "scripted:…", or a model that is open already and stays its owner's. None is the
            default one; as a sub-agent, the caller's.
        tools: what it may call; `@tool` makes one of a function.
        instructions: what it is told about its work, before any task.
        output: the type of its answer (see `appkit.structured.output_type`); None for text.
        dialect: "tools", calls as JSON; "react", thoughts and actions as text; "auto" takes the first where the model
            was made to call tools. Others do better in the second: smollm2-135m, asked ten sums with a calculator, gave
            five right numbers in it and one in the first.
        limits: what one task may take.
        settings: how to sample. `max_tokens` is for one step (512 where it is None), and never more than a quarter of
            what the model holds. With a seed, a run can be had again.
        name: what a trace, a state and a calling agent know it by.
        description: as a sub-agent, what it is good for.
        examples: worked steps that are shown before the task, for "react": mappings with `question` or `observation`,
            and `answer`, the step that the model is to write.

    Raises:
        ValueError: two tools of one name, an unknown dialect, examples where none can be shown.
        TypeError: something else than a tool is among the tools, or `output` is no type that can be asked for.
        CapabilityError: the model, being open, does not have the dialect.
    """

    def __init__(
        self,
        model: str | Path | LanguageModel | None = None,
        *,
        tools: Iterable[Tool] = (),
        instructions: str = "",
        output: Any = None,
        dialect: DialectChoice = "auto",
        limits: Limits | None = None,
        settings: GenerationSettings = DEFAULT_SETTINGS,
        name: str = "agent",
        description: str = "",
        examples: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        if dialect not in ("auto", "tools", "react"):
            raise ValueError(f"dialect is {dialect!r}; it is auto, tools or react.")
        if examples and dialect != "react":
            raise ValueError(f'Examples of steps are for dialect="react", and this agent has dialect="{dialect}".')
        if not name:
            raise ValueError("An agent needs a name: leave it out, or give one.")
        self._setup = Setup(
            name=name,
            tools=check_tools(tools),
            instructions=instructions,
            output=_output_type(output),
            dialect=dialect,
            limits=limits or Limits(),
            settings=settings,
            examples=tuple(examples),
        )
        self.description = description
        self._given = model
        self._opened: LanguageModel | None = None
        if model is not None and not isinstance(model, str | Path):
            self._setup.choose_dialect(model)

    @property
    def name(self) -> str:
        return self._setup.name

    @property
    def tools(self) -> tuple[Tool, ...]:
        return self._setup.tools

    @property
    def limits(self) -> Limits:
        return self._setup.limits

    @property
    def model(self) -> LanguageModel:
        """The model; opened when it is first needed, where the agent was given its name."""
        if self._given is not None and not isinstance(self._given, str | Path):
            return self._given
        if self._opened is None:
            self._opened = open_model(self._given or DEFAULT_MODEL)
        return self._opened

    def run(self, task: str, *, state: AgentState | None = None, trace: "Trace" = None) -> AgentResult:
        """Work on `task` to the end.

        Args:
            state: of an earlier run of this agent that has its answer: the task is a further message after it.
            trace: a writer, or the path of a file to write.

        Raises:
            ValueError: the task is empty, or `state` is not one to go on from with a task.
            ContextOverflowError: instructions, tools and task do not fit the model.
            CapabilityError: the model does not have the dialect.
            TraceError: the trace cannot be written.
            AppkitError: the model cannot be asked; use `stream`, whose `state` stays.
        """
        with self.stream(task, state=state, trace=trace) as stream:
            return stream.result()

    def stream(self, task: str, *, state: AgentState | None = None, trace: "Trace" = None) -> AgentStream:
        """The same, event by event. What is wrong with the task is raised here."""
        return self._start(self._begin(task, state), {}, trace)

    def resume(
        self, state: AgentState, approvals: Mapping[str, Approval] | None = None, *, trace: "Trace" = None
    ) -> AgentResult:
        """Go on from a state that has no answer yet; the limits go on, too.

        Args:
            approvals: for each call that waits for a person, by its id: True, False, or the arguments to call it with
                instead. They are checked before anything is done.

        Raises:
            ValueError: the state is of another agent, a tool is missing or takes other arguments now, the approvals are
                not exactly for the calls that wait, or changed arguments do not fit.
            TypeError: an approval is none of the three.
            What `run` raises.
        """
        with self.stream_resume(state, approvals, trace=trace) as stream:
            return stream.result()

    def stream_resume(
        self, state: AgentState, approvals: Mapping[str, Approval] | None = None, *, trace: "Trace" = None
    ) -> AgentStream:
        """`resume`, event by event."""
        check_state(self._setup, state)
        decided, verdicts = apply_approvals(self._setup, state, approvals or {})
        return self._start(decided, verdicts, trace)

    def as_tool(self) -> AgentTool:
        """This agent as a tool that takes a task: a sub-agent, whose work counts within the caller's limits.

        Raises:
            ValueError: a tool of this agent needs approval, which a sub-agent cannot wait for; or the agent's name
                cannot be that of a tool.
        """
        return build_agent_tool(self)

    def work_within(self, caller: Run, task: str, *, call_id: str, limits: Limits) -> Iterator[AgentEvent]:
        """The events of this agent's work for `caller`, which shares its trace, its cancellation and its seed."""
        model = caller.model if self._given is None else self.model
        run = Run(
            self._setup,
            model,
            self._new_state(task, model, derive_seed(caller.seed, call_id)),
            limits=limits,
            recorder=Recorder(caller.recorder.writer, self.name),
            cancellation=caller.cancellation,
        )
        return work(run)

    def close(self) -> None:
        """Close the model if this agent opened it. Twice is harmless."""
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _begin(self, task: str, state: AgentState | None) -> AgentState:
        if not isinstance(cast(object, task), str) or not task.strip():
            raise ValueError("The task is empty: say what the agent shall do.")
        if state is None:
            seed = self._setup.settings.seed
            return self._new_state(task, self.model, secrets.randbits(31) if seed is None else seed)
        check_state(self._setup, state)
        if not state.is_answered:
            raise ValueError("The state has no answer yet: resume it first, then give a further task.")
        return AgentState(
            agent=self.name,
            dialect=state.dialect,
            tools=self._setup.digests(),
            messages=(*state.messages, Message(role="user", content=task)),
            task_start=len(state.messages),
            seed=state.seed,
        )

    def _new_state(self, task: str, model: LanguageModel, seed: int) -> AgentState:
        return AgentState(
            agent=self.name,
            dialect=self._setup.choose_dialect(model),
            tools=self._setup.digests(),
            messages=(Message(role="user", content=task),),
            task_start=0,
            seed=seed,
        )

    def _start(self, state: AgentState, verdicts: Mapping[str, bool], trace: "Trace") -> AgentStream:
        if state.dialect == "tools" and "tools" not in self.model.capabilities:
            raise CapabilityError(
                f"The state was made with tool calls, which {self.model.name} does not have.", self.model.name, "tools"
            )
        writer, close = open_trace(trace)
        try:
            run = Run(
                self._setup,
                self.model,
                state,
                limits=self.limits,
                recorder=Recorder(writer, self.name),
                verdicts=verdicts,
            )
        except BaseException:
            close()
            raise
        return AgentStream(run, close)


def _output_type(output: Any) -> Any:
    if output is None or output is str:
        return None  # plain text
    from appkit.structured import output_type

    return output_type(output)
