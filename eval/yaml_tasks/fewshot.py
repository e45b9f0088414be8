"""Worked examples in front of a question: which ones, and the prompt they make with it.

Source: lm-evaluation-harness 0.4.13, `ContextSampler`, `FirstNSampler` and `ConfigurableTask.fewshot_context`. The
same seed draws the same examples. We depart from it in one way: the question itself is never among its examples.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from appkit import Message
from appkit.errors import EvaluationDataError
from eval.yaml_tasks.documents import Doc
from eval.yaml_tasks.rows import Row

Sampler = Literal["default", "first_n"]
DEFAULT_SEED = 1234  # lm-eval's own


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A question and its answer, as text."""

    question: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class PromptStyle:
    """What stands between the parts of a prompt."""

    target_delimiter: str
    fewshot_delimiter: str


def choose_examples(
    questions: Sequence[Row], pool: Sequence[Row], num_fewshot: int, sampler: Sampler, seed: int, *, is_same_split: bool
) -> list[list[int]]:
    """For each question the places of its examples in `pool`, in order.

    "default" draws anew for each question, one after the other, so the draws of the first ones do not depend on how
    many follow.

    Args:
        is_same_split: the questions come from the pool, and must not be examples of themselves.

    Raises:
        EvaluationDataError: there are not enough examples.
    """
    if num_fewshot == 0:
        return [[] for _ in questions]
    if sampler == "first_n":
        return [_first(question, pool, num_fewshot, is_same_split) for question in questions]
    rng = random.Random(seed)  # noqa: S311 (to choose, not to hide)
    return [_drawn(question, pool, num_fewshot, rng, is_same_split) for question in questions]


def example_turn(doc: Doc) -> Turn:
    """A row as a worked example; of several right answers the first is shown.

    Raises:
        EvaluationDataError: its answer is no text, or empty.
    """
    question: str | int = doc.text
    answer: Any = doc.target[0] if isinstance(doc.target, list) else doc.target
    if isinstance(question, int):  # the question is one of the choices, and the answer follows all of them
        question = _choice(doc, question)
    elif isinstance(answer, int) and doc.choices:
        answer = _choice(doc, answer)
    answer = str(answer)
    if not answer:
        raise doc.row.error("its answer is empty, so it can be no example; leave the row out.")
    return Turn(question=question, answer=answer)


def plain_prompt(description: str, turns: Sequence[Turn], question: str, style: PromptStyle) -> str:
    """Description, examples and question in one text."""
    shown = "".join(f"{turn.question}{style.target_delimiter}{turn.answer}{style.fewshot_delimiter}" for turn in turns)
    return f"{description}{shown}{question}"


def chat_prompt(description: str, turns: Sequence[Turn], question: str) -> list[Message]:
    """The description as the system's message, every example as two turns of a conversation."""
    messages = [Message(role="system", content=description)] if description else []
    for turn in turns:
        messages += [Message(role="user", content=turn.question), Message(role="assistant", content=turn.answer)]
    return [*messages, Message(role="user", content=question)]


def _first(question: Row, pool: Sequence[Row], num_fewshot: int, is_same_split: bool) -> list[int]:
    places: list[int] = []
    for idx, row in enumerate(pool):
        if not (is_same_split and row.values == question.values):
            places.append(idx)
        if len(places) == num_fewshot:
            return places
    raise _too_few(question, len(places), num_fewshot)


def _drawn(question: Row, pool: Sequence[Row], num_fewshot: int, rng: random.Random, is_same_split: bool) -> list[int]:
    num_drawn = num_fewshot + is_same_split  # one more than needed, for the question may be among them
    if len(pool) < num_drawn:
        raise _too_few(question, len(pool) - is_same_split, num_fewshot)
    places = rng.sample(range(len(pool)), num_drawn)
    if not is_same_split:
        return places
    places = [idx for idx in places if pool[idx].values != question.values][:num_fewshot]
    if len(places) < num_fewshot:  # the question stands there more than once
        others = [idx for idx, row in enumerate(pool) if row.values != question.values]
        if len(others) < num_fewshot:
            raise _too_few(question, len(others), num_fewshot)
        places = rng.sample(others, num_fewshot)
    return places


def _too_few(question: Row, num_there: int, num_fewshot: int) -> EvaluationDataError:
    return EvaluationDataError(
        f"num_fewshot is {num_fewshot}, and the split that examples come from has {num_there} for {question.place}; "
        "lower num_fewshot, or add rows.",
        question.place,
    )


def _choice(doc: Doc, idx: int) -> str:
    if not 0 <= idx < len(doc.choices):
        raise doc.row.error(f"the answer {idx} is none of its {len(doc.choices)} choices, counted from 0.")
    return doc.choices[idx]
