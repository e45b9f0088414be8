"""A rubric is a prompt file that asks for one of a few choices; `prompts/judge/` holds those that ship.

One for grades has the variables `question`, `response` and `grades` (the choices), and may have `reference`. One for
pairs has `question`, `first` and `second`, and two choices: the first place, the second place. Of a name without its
language, "judge/grade", the one in the language of the question is taken.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from appkit import Message, Prompt
from appkit.reasoning.prompt_language import prompt_for

__all__ = ["ask_rubric", "prompt_for"]


def ask_rubric(rubric: Prompt, values: Mapping[str, Any]) -> tuple[Sequence[Message], tuple[str, ...]]:
    """What to show the judge, and what it may answer.

    Raises:
        ValueError: the rubric takes none of a value's name, or does not ask for a choice.
        TemplateError: it wants a value that is not given.
    """
    unknown = sorted(values.keys() - rubric.variables.keys())
    if unknown:
        raise ValueError(
            f"The rubric {rubric.name} has no variable {unknown[0]!r}, only {', '.join(sorted(rubric.variables))}: "
            "take a rubric that has it, such as judge/grade or judge/prefer."
        )
    constraint = rubric.constraint(**values)
    if constraint is None or constraint.kind != "choice":
        raise ValueError(
            f"The rubric {rubric.name} does not ask for a choice: write 'output: {{choice: …}}' in its front matter."
        )
    return rubric.render(**values), tuple(constraint.source)
