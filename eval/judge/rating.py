"""`rate`: a grade for one answer, from a model that reads a rubric."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from appkit import LanguageModel, Prompt
from eval.judge.rubric import ask_rubric, prompt_for
from eval.judge.verdict import decide

DEFAULT_RUBRIC = "judge/grade"
DEFAULT_SCALE = (1, 5)


@dataclass(frozen=True, kw_only=True)
class Rating:
    """A grade and how sure the judge was of it; where there is none, `failure` says why."""

    grade: int | None  # the likeliest
    expected: float | None  # the mean of the grades by their probabilities: finer than `grade`
    probabilities: Mapping[int, float] = field(default_factory=dict)  # empty where the judge could only write a grade
    confidence: float | None = None  # the probability of `grade`; None where the judge could only write it
    mass: float | None = None  # see `Verdict.mass`
    failure: str = ""


def rate(
    model: LanguageModel,
    question: str,
    answer: str,
    rubric: str | Prompt = DEFAULT_RUBRIC,
    *,
    scale: tuple[int, int] = DEFAULT_SCALE,
    reference: str | None = None,
) -> Rating:
    """How good `answer` is by `rubric`. Answer and reference are shown as data, whatever they ask of the judge.

    Args:
        rubric: a prompt, or its name; see `eval.judge.rubric`. Without a language in its name, that of `question`.
        scale: the lowest and the highest grade, of one digit each.
        reference: a right answer to compare with, where the rubric has a place for it.

    Raises:
        ValueError: the scale is none, or the rubric has no place for what is given.
        TemplateError: there is no such rubric, or it cannot be read.
        CapabilityError: the model can neither score nor be held to choices.
    """
    low, high = scale
    if not 0 <= low < high <= 9:
        raise ValueError(
            f"The scale is {low} to {high}; grades are whole numbers of one digit, the lower first, such as (1, 5)."
        )
    values: dict[str, Any] = {
        "question": question,
        "response": answer,
        "grades": [str(grade) for grade in range(low, high + 1)],
    }
    if reference is not None:
        values["reference"] = reference
    loaded = prompt_for(rubric, question)
    messages, choices = ask_rubric(loaded, values)
    if list(choices) != values["grades"]:
        raise ValueError(
            f"The rubric {loaded.name} offers {choices}, not the grades: write 'output: {{choice: grades}}'."
        )
    verdict = decide(model, messages, choices)
    if verdict.choice is None:
        return Rating(grade=None, expected=None, failure=verdict.failure)
    grade = int(verdict.choice)
    if not verdict.probabilities:
        return Rating(grade=grade, expected=float(grade))
    probabilities = {int(choice): probability for choice, probability in verdict.probabilities.items()}
    return Rating(
        grade=grade,
        expected=sum(each * probability for each, probability in probabilities.items()),
        probabilities=probabilities,
        confidence=probabilities[grade],
        mass=verdict.mass,
    )
