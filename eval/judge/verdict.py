"""What a judge decides: one of a few choices, with the probability of each where the model tells them.

A choice is always one of those given, so a verdict cannot fail to parse. What can still go wrong (a prompt that is too
long for the judge, a server that ignores what it was held to) is a `Verdict` that says so, not a number.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from appkit import Constraint, ContextOverflowError, GenerationSettings, LanguageModel, Message

GREEDY = GenerationSettings(temperature=0.0, max_tokens=16)


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
    except ContextOverflowError as error:
        return Verdict(choice=None, failure=str(error))
    text = answer.text.strip()
    if text not in choices:
        return Verdict(choice=None, failure=f"{model.name} wrote {text[:80]!r}, which is none of the choices.")
    return Verdict(choice=text)


def _scored(model: LanguageModel, messages: Sequence[Message], choices: Sequence[str]) -> Verdict:
    totals = [float(part.sum(dtype="float64")) for part in model.score_many(messages, choices)]
    highest = max(totals, key=lambda total: -math.inf if math.isnan(total) else total)
    if any(map(math.isnan, totals)) or not math.isfinite(highest):
        return Verdict(choice=None, failure=f"{model.name} gives the choices the log-probabilities {totals}.")
    weights = [math.exp(total - highest) for total in totals]
    probabilities = {choice: weight / sum(weights) for choice, weight in zip(choices, weights, strict=True)}
    mass = min(1.0, math.fsum(map(math.exp, totals)))  # the rounding of a sum aside
    return Verdict(choice=max(choices, key=probabilities.__getitem__), probabilities=probabilities, mass=mass)


def _check_choices(choices: Sequence[str]) -> None:
    if len(choices) < 2:
        raise ValueError(f"There are {len(choices)} choices; a verdict takes at least 2.")
    nested = [(a, b) for i, a in enumerate(choices) for j, b in enumerate(choices) if i != j and b.startswith(a)]
    if nested:
        raise ValueError(f"The choice {nested[0][0]!r} begins {nested[0][1]!r}: give ones that differ from the start.")
