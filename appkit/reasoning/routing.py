"""Routing: which of several labels a text belongs to, as probabilities read from the model instead of words."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from appkit.llm.base import LanguageModel
from appkit.messages import Message
from appkit.reasoning.prompt_language import prompt_for
from appkit.templates import Prompt

LengthRule = Literal["sum", "mean"]


@dataclass(frozen=True, kw_only=True)
class Route:
    """The likeliest label, and the probability of each among the labels given, the likeliest first."""

    label: str
    probabilities: Mapping[str, float]


def route(
    model: LanguageModel,
    text: str,
    labels: Sequence[str] | Mapping[str, str],
    *,
    prompt: str | Prompt = "reasoning/route",
    length_rule: LengthRule = "sum",
    neutral_text: str | None = None,
) -> Route:
    """Where `text` should go. The prompt is read once, and one forward pass gives all labels.

    Args:
        labels: names, or names with what belongs there. The names are what the model is scored on: words it would
            write, none the beginning of another.
        prompt: has the variables `text`, `labels` and `about`, which says what belongs to a label by its name. A name
            without a language takes that of `text`.
        length_rule: see `label_probabilities`.
        neutral_text: a text that says nothing, such as "N/A": what the model thinks likely even there is divided out
            (contextual calibration, Zhao et al., arXiv:2102.09690), at the price of reading a second prompt. Small
            models need it: smollm2-135m is right with .64 of two explained labels without, and .80 with it.

    Raises:
        CapabilityError: the model does not score.
        ValueError: fewer than two labels, or one that begins another.
    """
    names = list(labels)
    about = dict(labels) if isinstance(labels, Mapping) else {}
    loaded = prompt_for(prompt, text)
    totals = _totals(model, loaded.render(text=text, labels=names, about=about), names, length_rule)
    if neutral_text is not None:
        neutral = _totals(model, loaded.render(text=neutral_text, labels=names, about=about), names, length_rule)
        totals = [total - bias for total, bias in zip(totals, neutral, strict=True)]
    probabilities = dict(zip(names, _softmax(totals), strict=True))
    ranked = dict(sorted(probabilities.items(), key=lambda pair: -pair[1]))
    return Route(label=next(iter(ranked)), probabilities=ranked)


def label_probabilities(
    model: LanguageModel,
    prompt: str | Sequence[Message],
    labels: Sequence[str],
    length_rule: LengthRule = "sum",
) -> dict[str, float]:
    """Probability of each label as the model's answer, given that it is one of them.

    Args:
        length_rule: "sum" is the exact rule: the softmax of the labels' total log-probabilities, by which a longer
            label is less likely the more choices its words left. "mean" divides each total by the label's tokens, for
            labels of very different length that should not pay for it; it is a heuristic.

    Raises:
        CapabilityError: the model does not score.
        ValueError: fewer than two labels, or one that begins another: the shorter would count the longer one's cases.
    """
    return dict(zip(labels, _softmax(_totals(model, prompt, labels, length_rule)), strict=True))


def _totals(
    model: LanguageModel, prompt: str | Sequence[Message], labels: Sequence[str], length_rule: LengthRule
) -> list[float]:
    if len(labels) < 2:
        raise ValueError(f"There are {len(labels)} labels; a choice takes at least 2.")
    nested = [(a, b) for i, a in enumerate(labels) for j, b in enumerate(labels) if i != j and b.startswith(a)]
    if nested:
        raise ValueError(f"The label {nested[0][0]!r} begins {nested[0][1]!r}: give labels that differ from the start.")
    logprobs = model.score_many(prompt, labels)
    return [float(part.sum(dtype="float64")) / (1 if length_rule == "sum" else len(part)) for part in logprobs]


def _softmax(values: Sequence[float]) -> list[float]:
    weights = [math.exp(value - max(values)) for value in values]
    return [weight / sum(weights) for weight in weights]
