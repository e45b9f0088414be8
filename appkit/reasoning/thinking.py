"""Chain of thought: the model reasons in writing, then gives its answer in a fixed last line.

Where that line is missing, because the model forgot it or ran out of tokens, a second step goes on from the exact ids
of the reasoning with the label of the line, under a constraint: there is always an answer.

Source: Wei et al., arXiv:2201.11903 (few-shot); Kojima et al., arXiv:2205.11916 (zero-shot, answer extraction as a
second step; here it continues the first and is constrained).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from appkit.errors import ContextOverflowError
from appkit.llm.base import Completion, CompletionStream, GenerationSettings, LanguageModel, Usage
from appkit.messages import Constraint, Message
from appkit.reasoning.answer_line import ANSWER_LINES, AnswerLine
from appkit.reasoning.prompt_language import prompt_for
from appkit.templates import Prompt

MAX_ANSWER_TOKENS = 64  # of a last line the model is made to give
Question = str | Sequence[Message]


@dataclass(frozen=True, kw_only=True)
class ChainOfThought:
    """How to ask for reasoning.

    Args:
        prompt: a prompt with the variable `question`; its text asks for `line`. A name without a language takes that
            of the question.
        values: further variables of the prompt.
        examples: worked examples; None takes the prompt's own, () none (zero-shot). The `answer` of each holds the
            reasoning and, as its last line, the answer.
        line: None takes the usual one of the prompt's language: `Answer: …`, `答案：…`.
        settings: None takes the prompt's options.
    """

    prompt: str | Prompt = "reasoning/think"
    values: Mapping[str, Any] = field(default_factory=dict)
    examples: Sequence[Mapping[str, Any]] | None = None
    line: AnswerLine | None = None
    settings: GenerationSettings | None = None


STEP_BY_STEP = ChainOfThought()


@dataclass(frozen=True, kw_only=True)
class Task:
    """A question made ready: what the model is shown, where its answer will stand, and how it samples."""

    messages: tuple[Message, ...]
    line: AnswerLine
    settings: GenerationSettings


@dataclass(frozen=True, kw_only=True)
class Reasoned:
    """An answer and how it came about.

    `answer` is as it was written; None where the model gave no answer line and, for want of "fork" and "constraint"
    or of room, could not be made to. `key` is the answer as it counts in a vote.
    """

    task: Task = field(repr=False)
    reasoning: str
    answer: str | None
    completions: tuple[Completion, ...] = field(repr=False)  # the reasoning; then the answer, if it took another step

    @property
    def key(self) -> str | None:
        return None if self.answer is None else self.task.line.normalise(self.answer)

    @property
    def text(self) -> str:
        """Reasoning and answer line."""
        lines = [self.reasoning] if self.reasoning else []
        return "\n".join([*lines, *([] if self.answer is None else [f"{self.task.line.label}{self.answer}"])])

    @property
    def usage(self) -> Usage:
        return total_usage(self.completions)


def think(model: LanguageModel, question: Question, how: ChainOfThought = STEP_BY_STEP) -> Reasoned:
    """Let the model reason about `question` and read its answer.

    Args:
        question: a text for the prompt, or messages, which are sent as they are and must ask for the line themselves.

    Raises:
        TemplateError: the prompt is missing or lacks a variable.
        ContextOverflowError: the prompt does not fit the model.
    """
    task = prepare(question, how)
    with model.stream(task.messages, task.settings) as stream:
        return finish(model, task, stream)


def prepare(question: Question, how: ChainOfThought) -> Task:
    """The prompt rendered, and what `how` leaves open decided."""
    if not isinstance(question, str):
        line = how.line or ANSWER_LINES["en"]
        return Task(messages=tuple(question), line=line, settings=how.settings or GenerationSettings())
    prompt = prompt_for(how.prompt, question)
    messages = prompt.render(how.examples, question=question, **how.values)
    line = how.line or ANSWER_LINES.get(prompt.language, ANSWER_LINES["en"])
    return Task(messages=messages, line=line, settings=how.settings or GenerationSettings(**prompt.options))


def finish(
    model: LanguageModel, task: Task, stream: CompletionStream, is_unwanted: Callable[[], bool] = lambda: False
) -> Reasoned:
    """Read reasoning to its end, which is the end of the answer line: what a model adds after it is not waited for.

    Args:
        is_unwanted: asked before the second step, which is left out where this says so.
    """
    text = ""
    for piece in stream:
        start = len(text)
        text += piece
        if (end := task.line.end_of(text, start)) is not None:
            stream.cancel()
            text = text[:end]
            break
    thought = stream.result()
    reasoning, answer = task.line.split(text)
    if answer is not None or is_unwanted():
        return Reasoned(task=task, reasoning=reasoning, answer=answer, completions=(thought,))
    asked = _make_answer(model, task, thought)
    if asked is None:
        return Reasoned(task=task, reasoning=reasoning, answer=None, completions=(thought,))
    answer = asked.text.strip()
    is_answer = task.line.normalise(answer) is not None  # a pattern may allow more than counts
    return Reasoned(task=task, reasoning=reasoning, answer=answer if is_answer else None, completions=(thought, asked))


def _make_answer(model: LanguageModel, task: Task, thought: Completion) -> Completion | None:
    """The answer after the label, from the exact ids of `thought`; None where the model cannot."""
    if not {"fork", "constraint"} <= model.capabilities:
        return None
    words = task.line.label.rstrip(" ")
    blank = " " if task.line.label.endswith(" ") else ""  # generated: tokens mostly begin with their blank
    constraint = Constraint("regex", f"{blank}({task.line.pattern})")
    settings = replace(task.settings, max_tokens=MAX_ANSWER_TOKENS, stop=(), logprobs=None)
    try:
        return model.fork(thought, f"\n{words}", settings, constraint=constraint)
    except ContextOverflowError:  # the reasoning filled the context
        return None


def total_usage(completions: Sequence[Completion]) -> Usage:
    """Tokens of several completions together."""
    return Usage(
        prompt_tokens=sum(completion.usage.prompt_tokens for completion in completions),
        cached_tokens=sum(completion.usage.cached_tokens for completion in completions),
        completion_tokens=sum(completion.usage.completion_tokens for completion in completions),
        is_estimate=any(completion.usage.is_estimate for completion in completions),
    )
