"""The answer of a run: read as the type that was asked for, sent back where it will not do, or asked for at the end."""

from collections.abc import Generator

from appkit.agents.asking import Said, ask_model
from appkit.agents.budget import MAX_REPAIRS
from appkit.agents.events import AgentEvent, StepFinished, StepStarted
from appkit.agents.limits import StopReason
from appkit.agents.run import Run

# After these the model is asked once more, for its answer alone.
CLOSED_BY: frozenset[StopReason] = frozenset({"steps", "tool_calls", "tokens", "seconds", "repeats", "tool_errors"})


def take_answer(run: Run, said: Said) -> StopReason | None:
    """Take what the model gave as its answer. "answered", or why the run stops, or None: the model was told to mend it.

    Raises:
        What a validator of the caller's raises that is neither ValueError nor Retry.
    """
    fault = said.turn.fault
    if not fault:
        fault = read_output(run, said.turn.answer)
        if said.is_cut:
            run.answer = said.turn.answer
            return "tokens"
        if not fault:
            run.answer = said.turn.answer
            return "answered"
        run.refused_answer = said.turn.answer
    run.budget.repairs += 1
    if run.budget.repairs > MAX_REPAIRS:
        return "format"
    run.correct(fault)
    return None


def read_output(run: Run, text: str) -> str:
    """Make the output of `text`; what is wrong with it, in a sentence for the model, "" where nothing is."""
    if run.setup.output is None:
        run.output = text
        return ""
    try:
        run.output = run.setup.output.parse(text)
    except ValueError as error:
        from appkit.structured.asking import again

        return again([run.messages[run.task_start]], str(error))
    return ""


def close_run(run: Run) -> Generator[AgentEvent, None, None]:
    """Ask for the answer alone, as far as tokens and seconds are left for it. It may come to nothing."""
    max_tokens, seconds = run.budget.closing_tokens, run.budget.seconds_left
    if max_tokens < 1 or seconds <= 0:
        return
    if note := run.dialect.closing_note:
        run.correct(note)
    number = run.budget.steps + 1
    yield StepStarted(number)
    said = yield from ask_model(run, number=number, can_call=False, max_tokens=max_tokens, seconds=seconds)
    run.recorder.step(number, said.completion, [], said.settings)
    if said.stopped is None:
        run.messages.append(said.message())
        if said.turn.answer:
            run.answer = said.turn.answer
            read_output(run, said.turn.answer)
    step = said.to_step()
    run.steps.append(step)
    yield StepFinished(step)
