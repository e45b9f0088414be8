"""Evaluator–optimiser: judge a draft, revise it, and judge again. `reflect` does it with a model in both parts.

Source: Madaan et al., Self-Refine, arXiv:2303.17651; the verdict is a fixed last line, so it is always readable.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from appkit.llm.base import GenerationSettings, LanguageModel
from appkit.messages import Message
from appkit.reasoning.answer_line import AnswerLine
from appkit.reasoning.prompt_language import prompt_for
from appkit.reasoning.thinking import ChainOfThought, think
from appkit.templates import Prompt

MAX_ROUNDS = 3
VERDICTS = {"en": ("accept", "revise"), "zh": ("接受", "修改")}  # by the language of the prompt that asks for one
VERDICT_LABELS = {"en": "Verdict: ", "zh": "结论："}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What an evaluator says of a draft: whether it will do, and what to change."""

    is_accepted: bool
    feedback: str = ""


@dataclass(frozen=True, kw_only=True)
class Round:
    """A draft and its verdict."""

    text: str
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class Refined:
    """The last draft, why it is the last, and all before it. Spent rounds are no error: `text` is what there is."""

    rounds: tuple[Round, ...]
    stopped_by: Literal["accepted", "max_rounds", "unchanged"]

    @property
    def text(self) -> str:
        return self.rounds[-1].text

    @property
    def is_accepted(self) -> bool:
        return self.stopped_by == "accepted"


def refine(
    draft: str,
    evaluate: Callable[[str], Verdict],
    revise: Callable[[str, str], str],
    *,
    max_rounds: int = MAX_ROUNDS,
) -> Refined:
    """Evaluate and revise until a draft is accepted, a revision changes nothing, or `max_rounds` were evaluated.

    Args:
        evaluate: any judge: a test, a rule, a model.
        revise: gives the next draft from a draft and the feedback on it.

    Raises:
        ValueError: `max_rounds` is below 1.
    """
    if max_rounds < 1:
        raise ValueError(f"max_rounds is {max_rounds}; a draft is evaluated at least once.")
    rounds: list[Round] = []
    while True:
        verdict = evaluate(draft)
        rounds.append(Round(text=draft, verdict=verdict))
        if verdict.is_accepted:
            return Refined(rounds=tuple(rounds), stopped_by="accepted")
        if len(rounds) == max_rounds:
            return Refined(rounds=tuple(rounds), stopped_by="max_rounds")
        revised = revise(draft, verdict.feedback)
        if revised.strip() == draft.strip():
            return Refined(rounds=tuple(rounds), stopped_by="unchanged")
        draft = revised


def reflect(
    model: LanguageModel,
    question: str,
    draft: str | None = None,
    *,
    critic: LanguageModel | None = None,
    critique_prompt: str | Prompt = "reasoning/critique",
    revise_prompt: str | Prompt = "reasoning/revise",
    max_rounds: int = MAX_ROUNDS,
) -> Refined:
    """Let `model` answer, criticise its answer and improve it.

    Args:
        draft: the answer to begin with; None lets the model write it.
        critic: who judges; None lets the model judge itself, which small models do badly.
        critique_prompt: has the variables `question` and `draft`, and asks for the last line "Verdict: accept" or
            "Verdict: revise", in Chinese "结论：接受" or "结论：修改". A name without a language takes that of the
            question.
        revise_prompt: has the variables `question`, `draft` and `feedback`.

    Raises:
        What `refine` and `think` raise.
    """
    criticising, revising = prompt_for(critique_prompt, question), prompt_for(revise_prompt, question)
    language = criticising.language if criticising.language in VERDICTS else "en"
    accepted, _ = verdicts = VERDICTS[language]
    critique_how = ChainOfThought(prompt=criticising, line=AnswerLine.choice(verdicts, VERDICT_LABELS[language]))
    settings = GenerationSettings(**revising.options)

    def evaluate(text: str) -> Verdict:
        judged = think(critic or model, question, replace(critique_how, values={"draft": text}))
        return Verdict(is_accepted=judged.key == accepted, feedback=judged.reasoning)

    def revise(text: str, feedback: str) -> str:
        messages = revising.render(question=question, draft=text, feedback=feedback)
        return model.chat(messages, settings).text.strip()

    first = draft if draft is not None else model.chat([Message(role="user", content=question)], settings).text.strip()
    return refine(first, evaluate, revise, max_rounds=max_rounds)
