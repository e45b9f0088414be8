"""Plan, then solve: the model first lists the steps, then follows them to an answer.

Source: Wang et al., Plan-and-Solve, arXiv:2305.04091; there in one text, here in two calls, so that a plan can be
looked at, changed or refused in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from appkit.llm.base import GenerationSettings, LanguageModel
from appkit.reasoning.prompt_language import prompt_for
from appkit.reasoning.thinking import ChainOfThought, Reasoned, think
from appkit.structured import generate_typed, output_type
from appkit.templates import Prompt

MAX_STEPS = 6
MAX_STEP_CHARACTERS = 160
SOLVE = ChainOfThought(prompt="reasoning/solve")


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A plan and what came of following it."""

    steps: tuple[str, ...]
    solution: Reasoned


def plan(
    model: LanguageModel,
    question: str,
    *,
    prompt: str | Prompt = "reasoning/plan",
    max_steps: int = MAX_STEPS,
    settings: GenerationSettings | None = None,
) -> tuple[str, ...]:
    """One to `max_steps` steps that lead to an answer.

    Args:
        prompt: has the variables `question` and `max_steps`, and asks for {"steps": […]}. A name without a language
            takes that of the question.
        settings: None takes the prompt's options.

    Raises:
        OutputParseError: the model gave no plan, tries and all.
    """
    if max_steps < 1:
        raise ValueError(f"max_steps is {max_steps}; a plan has at least 1.")
    loaded = prompt_for(prompt, question)
    step = {"type": "string", "minLength": 2, "maxLength": MAX_STEP_CHARACTERS}  # 2: a Chinese word
    schema = {
        "type": "object",
        "properties": {"steps": {"type": "array", "items": step, "minItems": 1, "maxItems": max_steps}},
        "required": ["steps"],
        "additionalProperties": False,
    }
    return generate_typed(
        model,
        loaded.render(question=question, max_steps=max_steps),
        output_type(schema).then(_steps_of),
        settings or GenerationSettings(**loaded.options),
        tell_form=False,
    )


def plan_and_solve(
    model: LanguageModel,
    question: str,
    how: ChainOfThought = SOLVE,
    *,
    steps: Sequence[str] | None = None,
    plan_prompt: str | Prompt = "reasoning/plan",
    max_steps: int = MAX_STEPS,
) -> Planned:
    """Plan `question`, then reason along the plan.

    Args:
        how: its prompt has the variables `question` and `steps`.
        steps: a plan that exists already; None makes one.

    Raises:
        What `plan` and `think` raise.
    """
    found = tuple(steps) if steps is not None else plan(model, question, prompt=plan_prompt, max_steps=max_steps)
    return Planned(steps=found, solution=think(model, question, replace(how, values={**how.values, "steps": [*found]})))


def _steps_of(data: Any) -> tuple[str, ...]:
    written = tuple(dict.fromkeys(step.strip() for step in data["steps"]))  # small models repeat themselves
    if not all(written):
        raise ValueError("A step is blank.")
    return written
