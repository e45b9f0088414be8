"""`Run`: one task under way. It owns everything about it that changes."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from appkit.agents.budget import Budget
from appkit.agents.cancellation import Cancellation
from appkit.agents.limits import Limits
from appkit.agents.prompting import Prompting
from appkit.agents.recording import Recorder
from appkit.agents.result import Step
from appkit.agents.setup import Setup
from appkit.agents.state import CORRECTION, AgentState, OpenCall
from appkit.llm.base import LanguageModel, Usage
from appkit.llm.language import is_chinese
from appkit.messages import Message, ToolCall
from appkit.tools import ToolResult

MAX_CALL_ID_CHARS = 64


class Run:
    """A task from its beginning, or from a state, on.

    Args:
        verdicts: what a person said to calls that waited, by their ids.
        cancellation: that of the run this one is a part of.

    Raises:
        CapabilityError, ContextOverflowError: see `Agent.run`.
    """

    def __init__(
        self,
        setup: Setup,
        model: LanguageModel,
        state: AgentState,
        *,
        limits: Limits,
        recorder: Recorder,
        verdicts: Mapping[str, bool] | None = None,
        cancellation: Cancellation | None = None,
    ) -> None:
        self.setup = setup
        self.model = model
        self.recorder = recorder
        self.seed = state.seed
        self.messages = list(state.messages)
        self.task_start = state.task_start
        self.open_calls = list(state.open_calls)
        self.verdicts = verdicts or {}
        self.steps: list[Step] = []
        self.subagent_usage: list[Usage] = []
        self.cancellation = cancellation or Cancellation()
        self.answer: str | None = None
        self.refused_answer: str | None = None  # the last one that would not do
        self.output: Any = None  # the answer as the type that was asked for
        step_tokens = setup.step_tokens(model)
        task = self.messages[self.task_start].content
        language = "zh" if is_chinese(task) else "en"
        self.dialect = setup.build_dialect(state.dialect, model, task, language)
        self.prompting = Prompting(model, self.dialect, language=language, step_tokens=step_tokens)
        self.prompting.start(self.messages, self.task_start)
        self.budget = Budget(limits, state.spent, step_tokens=step_tokens)

    def snapshot(self) -> AgentState:
        """The state now."""
        return AgentState(
            agent=self.setup.name,
            dialect=self.dialect.name,
            tools=self.setup.digests(),
            messages=tuple(self.messages),
            task_start=self.task_start,
            open_calls=tuple(self.open_calls),
            spent=self.budget.spent(),
            seed=self.seed,
        )

    def step_seed(self, number: int) -> int:
        """The seed of a step: the run's and the number decide it, so that a run can be had again."""
        return derive_seed(self.seed, str(number))

    def open_step(self, message: Message) -> None:
        """The model has called tools: `message` says so, and its calls wait for their results."""
        calls = self._with_ids(message.tool_calls)
        self.messages.append(replace(message, tool_calls=calls))
        self.open_calls = [OpenCall(call=call) for call in calls]

    def close_step(self, observations: list[str]) -> None:
        """Every call of the step has its result: it becomes a message of what the model is shown of it."""
        for each, text in zip(self.open_calls, observations, strict=True):
            self.messages.append(Message(role="tool", content=text, name=each.call.name, tool_call_id=each.call.id))
        self.open_calls = []

    def set_started(self, idx: int) -> None:
        """The call is about to be made: from now on its outcome is unknown until it has a result."""
        self.open_calls[idx] = replace(self.open_calls[idx], was_started=True)

    def set_result(self, idx: int, result: ToolResult) -> None:
        """What came of a call. Its value is not kept: it may be of any kind and size, and its text says it."""
        self.open_calls[idx] = replace(self.open_calls[idx], result=replace(result, value=None))

    def correct(self, text: str) -> None:
        """Tell the model what is wrong with what it wrote."""
        self.messages.append(Message(role="user", content=text, name=CORRECTION))

    def is_edited(self, idx: int) -> bool:
        """Whether a person changed the arguments that the model gave."""
        return self.open_calls[idx].call.arguments != self.messages[-1].tool_calls[idx].arguments

    def _with_ids(self, calls: tuple[ToolCall, ...]) -> tuple[ToolCall, ...]:
        """Each call with an id of its own in this conversation: the model's, where it gave a usable one."""
        taken = {call.id for message in self.messages for call in message.tool_calls}
        named: list[ToolCall] = []
        for call in calls:
            call_id, number = call.id, len(taken) + 1
            while not call_id or len(call_id) > MAX_CALL_ID_CHARS or call_id in taken:
                call_id, number = f"call_{number}", number + 1
            taken.add(call_id)
            named.append(replace(call, id=call_id))
        return tuple(named)


def derive_seed(seed: int, name: str) -> int:
    """A seed of its own for each `name`, 31 bits."""
    return int.from_bytes(hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=4).digest()) >> 1
