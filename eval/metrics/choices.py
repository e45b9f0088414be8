"""Multiple choice by log-probability: the model chooses the answer that it would most likely write.

Longer answers are less likely whatever they say, so there are three ways to choose, of which a report names one:
`acc` by log-probability, `acc_norm` by log-probability per character of the choice, `acc_bytes` per UTF-8 byte. They
are lm-eval's, whose `acc_norm` counts characters; for ASCII the last two are the same, for mixed scripts they are not.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from eval.metrics.figures import Figure
from eval.metrics.means import mean_figure


@dataclass(frozen=True, kw_only=True)
class ChoiceAccuracy:
    """The shares of questions where the right choice was the likeliest."""

    acc: Figure
    acc_norm: Figure
    acc_bytes: Figure


def choice_accuracy(
    logprobs: Sequence[Sequence[float]],
    choices: Sequence[Sequence[str]],
    answers: Sequence[int],
    *,
    clusters: Sequence[Hashable] | None = None,
) -> ChoiceAccuracy:
    """How often the right choice was the likeliest, by all three ways. Of equal ones the first is chosen.

    Args:
        logprobs: of each question, of each choice: the sum over the tokens of the choice, in nats.
        choices: of each question, the texts of its choices, without the blank that stood before them.
        answers: of each question, the index of the right choice.

    Raises:
        ValueError: no questions; numbers of questions or choices that differ; an empty choice; an answer that is none
            of the choices; a log-probability that is no number.
    """
    if not len(logprobs) == len(choices) == len(answers) or not len(logprobs):
        raise ValueError(
            f"There are log-probabilities for {len(logprobs)} questions, choices for {len(choices)} and "
            f"{len(answers)} answers; each question needs all three."
        )
    right = np.array(
        [_is_right(*question) for question in zip(range(len(answers)), logprobs, choices, answers, strict=True)], float
    )
    acc, acc_norm, acc_bytes = (mean_figure(column.tolist(), clusters=clusters) for column in right.T)
    return ChoiceAccuracy(acc=acc, acc_norm=acc_norm, acc_bytes=acc_bytes)


def _is_right(question: int, logprobs: Sequence[float], texts: Sequence[str], answer: int) -> list[bool]:
    if len(logprobs) != len(texts) or not 0 <= answer < len(texts):
        raise ValueError(
            f"Question {question} has {len(texts)} choices, {len(logprobs)} log-probabilities and the answer {answer}; "
            "give one of each for every choice, and the index of the right one."
        )
    if "" in texts:
        raise ValueError(f"Choice {list(texts).index('')} of question {question} is empty: it has no length.")
    scores = np.asarray(logprobs, np.float64)
    if np.isnan(scores).any():
        raise ValueError(f"Question {question} has the log-probabilities {list(logprobs)}; each must be a number.")
    lengths = [np.ones(len(texts)), [len(text) for text in texts], [len(text.encode()) for text in texts]]
    return [int(np.argmax(scores / np.asarray(length))) == answer for length in lengths]
