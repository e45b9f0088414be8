"""How likely a model finds given texts: continuations after contexts, and whole documents.

Pairs are encoded as lm-evaluation-harness does, because where a context ends between two tokens decides the figures:
both texts are encoded together and cut at the length of the context's own encoding; blanks that end the context belong
to the continuation; an empty context is the model's start token; what is too long loses tokens from its left.

Source: lm-evaluation-harness 0.4.13, `TemplateLM.loglikelihood` and `HFLM._loglikelihood_tokens`. We depart from it in
two ways: special tokens that a text spells out stay text, and a token that a vocabulary puts at the end of every text
is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from appkit import LanguageModel, Message


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What a model made of one continuation, or of one document."""

    logprobs: tuple[float, ...]  # of each token, after all before it
    tokens: tuple[str, ...]  # their texts; half a character shows as U+FFFD
    is_greedy: bool  # each token was the likeliest one
    num_bytes: int  # UTF-8 of the continuation as it was given, the blanks of its context not counted
    context_len: int  # tokens the model saw before the first of these
    num_cut: int = 0  # tokens of the context that did not fit and were left out, from its start

    @property
    def logprob(self) -> float:
        """Of the whole continuation."""
        return sum(self.logprobs)


def score_pairs(model: LanguageModel, pairs: Sequence[tuple[str, str]]) -> list[Scored]:
    """How likely each continuation is after its context, in order. Contexts are read once however often they come.

    Raises:
        CapabilityError: the model cannot score.
        ValueError: a continuation without a token of its own.
        ContextOverflowError: a continuation that alone is longer than the model holds.
    """
    raise NotImplementedError


def score_answers(model: LanguageModel, messages: Sequence[Message], answers: Sequence[str]) -> list[Scored]:
    """How likely the assistant is to begin its answer to `messages` so, for each answer.

    Raises:
        What `score_pairs` raises; and ContextOverflowError for messages too long: no message is cut.
    """
    raise NotImplementedError


def score_document(model: LanguageModel, text: str, *, window: int | None = None) -> Scored:
    """How likely each token of a document is, in windows as `perplexity(recipe="rolling")` reads them.

    Args:
        window: tokens the model sees at a time; None: all it holds.

    Raises:
        What `score_pairs` raises.
    """
    raise NotImplementedError
