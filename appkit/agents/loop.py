"""The loop: the model is asked, its calls are made, it sees what came of them, until it answers or a limit ends it.

A generator of events, the last of which is `Finished`. Everything that changes is the run's.
"""

from collections.abc import Generator, Iterator

from appkit.agents.answering import CLOSED_BY, close_run, take_answer
from appkit.agents.asking import Said, ask_model, nothing_said
from appkit.agents.calling import close_calls, make_calls, needs_person
from appkit.agents.events import AgentEvent, Finished, StepFinished, StepStarted
from appkit.agents.limits import StopReason
from appkit.agents.result import AgentResult
from appkit.agents.run import Run
from appkit.agents.usage import total_usage


def work(run: Run) -> Iterator[AgentEvent]:
    """Every event of the run.

    Raises:
        What the model raises when it cannot be asked, and what a validator of the caller's raises.
    """
    run.recorder.run(run)
    reason: StopReason | None = None
    if run.open_calls:
        yield StepStarted(run.budget.steps)
        reason = yield from _act(run, nothing_said())
    while reason is None:
        reason = "cancelled" if run.cancellation.is_set else run.budget.exhausted()
        if reason is None:
            reason = yield from _take_step(run)
    if reason in CLOSED_BY and run.answer is None:
        yield from close_run(run)
    result = _result(run, reason)
    run.recorder.finished(result)
    yield Finished(result)


def _take_step(run: Run) -> Generator[AgentEvent, None, StopReason | None]:
    run.budget.steps += 1
    number = run.budget.steps
    yield StepStarted(number)
    tokens, seconds = run.budget.step_tokens, run.budget.work_seconds_left
    said = yield from ask_model(run, number=number, can_call=True, max_tokens=tokens, seconds=seconds)
    if said.stopped is None and said.turn.calls:
        run.budget.repairs = 0
        run.open_step(said.message())
    run.recorder.step(number, said.completion, [each.call for each in run.open_calls], said.settings)
    return (yield from _act(run, said))


def _act(run: Run, said: Said) -> Generator[AgentEvent, None, StopReason | None]:
    """Make the calls that are open, or take the answer, and end the step."""
    reason = said.stopped
    step = said.to_step()
    if run.open_calls:
        reason = yield from make_calls(run)
        step = said.to_step(run.open_calls)
        close_calls(run)
    elif reason is None:
        run.messages.append(said.message())
        reason = take_answer(run, said)
    run.steps.append(step)
    yield StepFinished(step)
    return reason


def _result(run: Run, reason: StopReason) -> AgentResult:
    pending = [each.call for each in run.open_calls if each.result is None and needs_person(run.setup, each.call)]
    return AgentResult(
        output=run.output,
        text=_best_text(run),
        stopped_because=reason,
        steps=tuple(run.steps),
        usage=total_usage([*(step.usage for step in run.steps), *run.subagent_usage]),
        state=run.snapshot(),
        pending=tuple(pending) if reason == "approval" else (),
    )


def _best_text(run: Run) -> str:
    """The answer; else one that was refused; else the model's last words."""
    if run.answer is not None:
        return run.answer
    if run.refused_answer is not None:
        return run.refused_answer
    return next((words for step in reversed(run.steps) if (words := step.thought or step.text)), "")
