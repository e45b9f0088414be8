"""Best of n: several chains of thought, and a scorer that picks one."""

import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from appkit.errors import CapabilityError
from appkit.llm.base import GenerationSettings, LanguageModel
from appkit.reasoning.prompt_language import prompt_for
from appkit.reasoning.samples import draw_samples
from appkit.reasoning.thinking import STEP_BY_STEP, ChainOfThought, Question, Reasoned
from appkit.structured import generate_typed, output_type
from appkit.templates import Prompt

Scorer = Callable[[Reasoned], float]  # higher is better


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """Samples with their scores, the best first; of equal scores the one that was drawn first."""

    samples: tuple[Reasoned, ...]
    scores: tuple[float, ...]

    @property
    def best(self) -> Reasoned:
        return self.samples[0]


def best_of(
    model: LanguageModel,
    question: Question,
    how: ChainOfThought = STEP_BY_STEP,
    *,
    n: int = 4,
    scorer: Scorer | None = None,
) -> Ranked:
    """Reason `n` times at once and rank what came out.

    Args:
        scorer: a function of the sample, such as a test the answer must pass, or `judged_by(…)`; None takes the
            model's own mean log-probability.

    Raises:
        CapabilityError: there is no scorer and the model cannot score; raised before any work.
        What `self_consistency` raises.
    """
    if scorer is None:
        if "score" not in model.capabilities:
            raise CapabilityError(
                f"{model.name} gives no log-probabilities to rank samples by: pass scorer=, a function of the sample.",
                model.name,
                "score",
            )
        scorer = mean_logprob(model)
    with closing(draw_samples(model, question, how, n)) as drawn:
        by_idx = dict(drawn)
    scored = [(float(scorer(by_idx[idx])), by_idx[idx]) for idx in range(n)]
    ranked = sorted(scored, key=lambda pair: -pair[0])
    return Ranked(samples=tuple(sample for _, sample in ranked), scores=tuple(score for score, _ in ranked))


def mean_logprob(model: LanguageModel) -> Scorer:
    """The mean log-probability of a sample's tokens after what was asked: how much `model` would itself say so.

    The prompt is read once, for all samples begin with it. Nothing of sampling settings counts.
    """

    def score(sample: Reasoned) -> float:
        return float(model.score(sample.task.messages, sample.text).mean()) if sample.text else float("-inf")

    return score


def judged_by(
    model: LanguageModel, question: str, *, prompt: str | Prompt = "judge/score", criterion: str | None = None
) -> Scorer:
    """The grade that `model` gives a sample, after saying why.

    Args:
        prompt: has the variables `question` and `response`, and asks for {"reason": …, "grade": …}. A name without a
            language takes that of the question.
        criterion: what the grade measures; None leaves it to the prompt.

    Raises, when it scores:
        OutputParseError: the model gave no grade, tries and all.
    """
    loaded = prompt_for(prompt, question)
    settings = GenerationSettings(**loaded.options)
    values = {} if criterion is None else {"criterion": criterion}

    def score(sample: Reasoned) -> float:
        given: dict[str, Any] = {"question": question, "response": sample.text, **values}
        constraint = loaded.constraint(**given)
        if constraint is None:
            raise ValueError(f"The prompt {loaded.name} asks for free text; a judge's prompt asks for JSON.")
        graded = output_type(constraint).then(_grade_of)
        return generate_typed(model, loaded.render(**given), graded, settings, tell_form=False)

    return score


def _grade_of(data: Any) -> float:
    grade = data.get("grade") if isinstance(data, dict) else None
    if isinstance(grade, bool) or not isinstance(grade, int | float) or not math.isfinite(grade):
        raise ValueError('It must be an object with a number: {"reason": "…", "grade": 3}.')
    return float(grade)
