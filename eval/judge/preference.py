"""`prefer`: which of two answers is better, asked in both orders because judges prefer a place."""

from dataclasses import dataclass
from typing import Literal

from appkit import LanguageModel, Prompt
from eval.judge.rubric import ask_rubric, prompt_for
from eval.judge.verdict import decide

PAIR_RUBRIC = "judge/prefer"


@dataclass(frozen=True, kw_only=True)
class Preference:
    """The better of two answers, or why nothing can be said."""

    winner: Literal["a", "b", "tie"] | None  # a tie where the two orders disagree; None: `failure` says why
    probability: float | None  # that a is better: the mean over both orders, in which a preferred place cancels out
    a_first: float | None = None  # the same with a shown first
    a_second: float | None = None  # and with a shown second
    failure: str = ""

    @property
    def agreed(self) -> bool:
        """Whether both orders name the same answer."""
        return self.winner in ("a", "b")

    @property
    def position_bias(self) -> float | None:
        """How much more than half the probability the first place got: 0 is fair, 0.5 always the first, -0.5 never."""
        if self.a_first is None or self.a_second is None:
            return None
        return (self.a_first - self.a_second) / 2


def prefer(model: LanguageModel, question: str, a: str, b: str, *, rubric: str | Prompt = PAIR_RUBRIC) -> Preference:
    """Whether `a` or `b` answers `question` better. Both are shown as data, whatever they ask of the judge.

    Raises:
        ValueError: the rubric has no place for what is given, or does not offer two choices.
        TemplateError: there is no such rubric, or it cannot be read.
        CapabilityError: the model can neither score nor be held to choices.
    """
    loaded = prompt_for(rubric, question)
    a_first = _ask(model, loaded, question, a, b)
    b_first = _ask(model, loaded, question, b, a)
    if isinstance(a_first, str) or isinstance(b_first, str):
        failures = [each for each in (a_first, b_first) if isinstance(each, str)]
        return Preference(winner=None, probability=None, failure=failures[0])
    a_second = 1 - b_first
    return Preference(
        winner=_winner(a_first, a_second),
        probability=(a_first + a_second) / 2,
        a_first=a_first,
        a_second=a_second,
    )


def _ask(model: LanguageModel, rubric: Prompt, question: str, first: str, second: str) -> float | str:
    """The probability of the first place, or what went wrong."""
    messages, choices = ask_rubric(rubric, {"question": question, "first": first, "second": second})
    if len(choices) != 2:
        raise ValueError(
            f"The rubric {rubric.name} offers {len(choices)} choices; for a pair it is 2, the first place first."
        )
    verdict = decide(model, messages, choices)
    if verdict.choice is None:
        return verdict.failure
    if not verdict.probabilities:
        return 1.0 if verdict.choice == choices[0] else 0.0
    return verdict.probabilities[choices[0]]


def _winner(a_first: float, a_second: float) -> Literal["a", "b", "tie"]:
    if a_first > 0.5 and a_second > 0.5:
        return "a"
    if a_first < 0.5 and a_second < 0.5:
        return "b"
    return "tie"
