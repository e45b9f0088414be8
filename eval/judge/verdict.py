"""What a judge decides: one of a few choices, with the probability of each where the model tells them.

A choice is always one of those given, so a verdict cannot fail to parse. What can still go wrong (a prompt that is too
long for the judge, half a character in it, a server that ignores what it was held to) is a `Verdict` that says so.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from appkit import Constraint, ContextOverflowError, GenerationSettings, LanguageModel, Message
from runtime.errors import TokenizerError

GREEDY = GenerationSettings(temperature=0.0, max_tokens=16)
BLANKS = ("", " ")
MAX_SHOWN = 80  # characters of an answer that is quoted


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The likeliest choice, or why there is none."""

    choice: str | None
    probabilities: Mapping[str, float] = field(default_factory=dict)  # sum to 1; empty where the choice was written
    # Of all choices together among everything the model might have said. Near 0 it would have said something else,
    # and which choice it finds least unlikely means little.
    mass: float | None = None
    failure: str = ""


def decide(model: LanguageModel, messages: Sequence[Message], choices: Sequence[str]) -> Verdict:
    """Which of `choices` the model answers with. Of equally likely ones it is the first.

    A model that scores reads the prompt once and gives the probability of each. Any other writes one, greedily, held to
    the choices by a constraint.

    Raises:
        ValueError: fewer than two choices, or one that begins another: it would count the longer one's cases.
        CapabilityError: the model can neither score nor be held to choices.
    """
    _check_choices(choices)
    try:
        if "score" in model.capabilities:
            return _scored(model, messages, choices)
        answer = model.chat(messages, GREEDY, constraint=Constraint("choice", tuple(choices)))
    except (ContextOverflowError, TokenizerError) as error:
        return Verdict(choice=None, failure=str(error))
    text = answer.text.strip()
    if text not in choices:
        shown = text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
        return Verdict(choice=None, failure=f"{model.name} wrote {shown!r}, which is none of the choices.")
    return Verdict(choice=text)


def _scored(model: LanguageModel, messages: Sequence[Message], choices: Sequence[str]) -> Verdict:
    """A choice may come after a blank, which models that go on with a plain dialogue write; both count as it."""
    logprobs = model.score_many(messages, [f"{blank}{choice}" for blank in BLANKS for choice in choices])
    by_blank = np.reshape([part.sum(dtype=np.float64) for part in logprobs], (len(BLANKS), len(choices)))
    with np.errstate(invalid="ignore"):
        totals = np.logaddexp.reduce(by_blank, axis=0)
    if not math.isfinite(totals.max()):  # the maximum of what holds nan is nan
        given = dict(zip(choices, totals.tolist(), strict=True))
        return Verdict(choice=None, failure=f"{model.name} gives the choices the log-probabilities {given}.")
    weights = np.exp(totals - totals.max())
    probabilities = (weights / weights.sum()).tolist()
    return Verdict(
        choice=choices[int(totals.argmax())],
        probabilities=dict(zip(choices, probabilities, strict=True)),
        mass=min(1.0, float(np.exp(totals).sum())),  # above 1 by rounding alone
    )


def _check_choices(choices: Sequence[str]) -> None:
    if len(choices) < 2:
        raise ValueError(f"There are {len(choices)} choices; a verdict takes at least 2.")
    nested = [(a, b) for i, a in enumerate(choices) for j, b in enumerate(choices) if i != j and b.startswith(a)]
    if nested:
        raise ValueError(f"The choice {nested[0][0]!r} begins {nested[0][1]!r}: give ones that differ from the start.")
