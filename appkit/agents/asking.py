"""One turn of the model: asked, streamed, ended in time, read."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from appkit.agents.dialect import Turn
from appkit.agents.events import AgentEvent, TextDelta
from appkit.agents.limits import StopReason
from appkit.agents.result import Step
from appkit.agents.run import Run
from appkit.agents.state import OpenCall
from appkit.agents.usage import NO_USAGE
from appkit.errors import OutputParseError
from appkit.llm.base import DEFAULT_SETTINGS, Completion, GenerationSettings
from appkit.messages import Message
from runtime.errors import ConstraintLimitError


@dataclass(frozen=True, kw_only=True)
class Said:
    """What the model wrote and how it is read. `stopped` says why it could not end; then `turn` is empty."""

    completion: Completion
    turn: Turn
    settings: GenerationSettings = DEFAULT_SETTINGS
    stopped: StopReason | None = None
    is_cut: bool = False  # the answer goes on beyond the tokens it could have

    def message(self) -> Message:
        """As it stands in the history."""
        return Message(
            role="assistant",
            content=self.completion.text,
            tool_calls=self.turn.calls,
            token_ids=self.completion.token_ids,
        )

    def to_step(self, open_calls: Sequence[OpenCall] = ()) -> Step:
        """As a step of the result, with what came of its calls so far."""
        done = takewhile(lambda result: result is not None, (each.result for each in open_calls))
        return Step(
            text=self.completion.text,
            thought=self.turn.thought,
            calls=tuple(each.call for each in open_calls),
            results=tuple(result for result in done if result is not None),
            usage=self.completion.usage,
            prompt_ids=self.completion.prompt_ids,
            token_ids=self.completion.token_ids,
            seed=self.settings.seed,
        )


def nothing_said(text: str = "", *, fault: str = "", stopped: StopReason | None = None) -> Said:
    """Where no completion was made: the step goes on with calls of earlier, or there is none to show."""
    completion = Completion(text=text, finish_reason="stop", usage=NO_USAGE)
    return Said(completion=completion, turn=Turn(fault=fault), stopped=stopped)


def ask_model(
    run: Run, *, number: int, can_call: bool, max_tokens: int, seconds: float
) -> Generator[AgentEvent, None, Said]:
    """Ask for step `number`, in at most so many tokens and seconds.

    Raises:
        What the model raises: it is gone, or a tool's schema cannot be followed.
    """
    ask = run.dialect.ask(can_call=can_call)
    messages = run.prompting.compile(run.messages, run.task_start, ask, answer_tokens=max_tokens)
    given = run.setup.settings
    settings = replace(given, max_tokens=max_tokens, seed=run.step_seed(number), stop=(*given.stop, *ask.stop))
    try:
        stream = run.model.stream(
            messages, settings, tools=ask.tools, tool_choice=ask.tool_choice, constraint=ask.constraint
        )
        with run.cancellation.watching(stream, seconds):
            for piece in stream:
                yield TextDelta(piece)
            completion = stream.result()
    except ConstraintLimitError:
        if not run.steps and max_tokens >= run.setup.step_tokens(run.model):
            raise  # more than any step may write: the settings are at fault, not what was spent
        return nothing_said(stopped="tokens")
    except OutputParseError as error:
        return nothing_said(error.text, fault=str(error))
    completion = replace(completion, text=completion.text.encode("utf-8", "replace").decode())
    run.budget.tokens += completion.usage.completion_tokens
    turn = Turn() if completion.finish_reason == "cancelled" else run.dialect.read(completion, can_call=can_call)
    stopped: StopReason | None = None
    if completion.finish_reason == "cancelled":
        stopped = "cancelled" if run.cancellation.is_set else "seconds"
    is_full = completion.finish_reason == "length" or completion.is_closed_early
    is_cut = is_full and run.setup.output is None  # a typed answer that is whole is whole, however long
    return Said(completion=completion, turn=turn, settings=settings, stopped=stopped, is_cut=is_cut)
