"""Judges whose verdicts are written down."""

import math
from collections.abc import Callable, Mapping

from appkit import ScriptedModel

Opinion = Callable[[str], Mapping[str, float]]  # from what the judge is shown to the probability of each choice


def judge(opinion: Opinion) -> ScriptedModel:
    """A judge that scores: it gives each choice, of one character, the probability that `opinion` says.

    After a blank it gives none; other texts are all as likely.
    """

    def logprobs(prompt: str, choice: str) -> list[float]:
        if len(choice) > 1:
            return [-math.inf if choice.startswith(" ") else -1.0] * len(choice)
        probability = opinion(prompt)[choice]
        return [math.log(probability) if probability > 0 else -math.inf if probability == 0 else math.nan]

    return ScriptedModel([""], name="scoring judge", score=logprobs)


def always(**probabilities: float) -> ScriptedModel:
    """A judge of one opinion: `always(A=0.6, B=0.2)`; digits as `g1=0.5`."""
    return judge(lambda shown: {name.removeprefix("g"): value for name, value in probabilities.items()})


def prefers(text: str, *, sure: float = 0.9) -> ScriptedModel:
    """A fair judge: it prefers the answer that holds `text`, wherever it stands."""

    def opinion(shown: str) -> dict[str, float]:
        is_first = text in shown.partition("Answer A:")[2].partition("Answer B:")[0]
        return {"A": sure if is_first else 1 - sure, "B": 1 - sure if is_first else sure}

    return judge(opinion)
