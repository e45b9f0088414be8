"""How likely a model finds given texts: continuations after contexts, answers after messages, whole documents.

The engine of a local model is asked for all of them at once: what contexts share is read once, short ones share
forwards. `pair_encoding` says where a context ends and its continuation begins.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appkit import CapabilityError, ContextOverflowError, LanguageModel, LocalModel, Message, ScriptedModel
from eval.harness.pair_encoding import EncodedPair, encode_pair, start_id
from eval.metrics.perplexity_windows import rolling_windows

if TYPE_CHECKING:
    from runtime import Engine, TokenScores


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What a model made of one continuation, or of one document."""

    logprobs: tuple[float, ...]  # of each token, after all before it
    tokens: tuple[str, ...]  # their texts; a part of a character shows as U+FFFD
    is_greedy: bool  # each token was the likeliest one
    num_bytes: int  # UTF-8 of the text as it was given, without blanks that came from its context
    context_len: int  # tokens the model saw before the first of these
    num_cut: int = 0  # tokens of the context that did not fit and were left out, from its start

    @property
    def logprob(self) -> float:
        """Of the whole text."""
        return math.fsum(self.logprobs)


def score_pairs(model: LanguageModel, pairs: Sequence[tuple[str, str]]) -> list[Scored]:
    """How likely each continuation is after its context, in order.

    A `ScriptedModel` that can score is asked character by character, which for it are the tokens; as it has no
    probabilities of others, a character counts as the likeliest where it has more than half.

    Raises:
        CapabilityError: the model cannot score.
        ValueError: a continuation without a token of its own.
        ContextOverflowError: a continuation that alone is longer than the model holds.
    """
    if isinstance(model, ScriptedModel):
        _check_can_score(model)
        return [_score_characters(model, *pair) for pair in pairs]
    engine = _engine(model)
    tokenizer, max_seq_len = engine.model.tokenizer, engine.max_seq_len
    encoded = [encode_pair(tokenizer, max_seq_len, context, continuation) for context, continuation in pairs]
    return [
        _scored(engine, pair, scores, continuation)
        for pair, scores, (_, continuation) in zip(encoded, score_encoded(engine, encoded), pairs, strict=True)
    ]


def score_answers(model: LanguageModel, messages: Sequence[Message], answers: Sequence[str]) -> list[Scored]:
    """How likely the assistant begins its answer to `messages` so, for each answer.

    The model is shown what `model.chat` would show it, and the answer, encoded apart, from where the assistant speaks.

    Raises:
        What `score_pairs` raises; and ContextOverflowError where the two do not fit, for messages are not cut.
    """
    if isinstance(model, ScriptedModel):
        _check_can_score(model)
        num_shown = model.count_tokens(messages)
        return [_of_characters(model.score(messages, answer).tolist(), answer, num_shown) for answer in answers]
    engine = _engine(model)
    assert isinstance(model, LocalModel)
    context_ids = model.encode_prompt(messages)
    encoded = [_encode_answer(model, context_ids, answer) for answer in answers]
    return [
        _scored(engine, pair, scores, answer)
        for pair, scores, answer in zip(encoded, score_encoded(engine, encoded), answers, strict=True)
    ]


def score_document(model: LanguageModel, text: str, *, window: int | None = None) -> Scored:
    """How likely each token of a document is, in windows as `perplexity(recipe="rolling")` reads them.

    Args:
        window: tokens the model reads at a time; None: all it holds.

    Raises:
        CapabilityError: the model cannot score token by token.
        ValueError: an empty text, or a window that the model does not hold.
    """
    engine = _engine(model)
    tokenizer, longest = engine.model.tokenizer, engine.max_seq_len
    size = longest if window is None else window
    if not 1 <= size <= longest:
        raise ValueError(f"window is {size}; {model.name} reads 1 to {longest} tokens at a time.")
    ids = tokenizer.encode(text)
    if not ids:
        raise ValueError("The document is empty: there is nothing to score.")
    windows = rolling_windows(ids, size, start_id(tokenizer))
    parts = engine.score_pairs([(cut.context_ids, ids[cut.start : cut.end]) for cut in windows])
    return Scored(
        logprobs=tuple(value for part in parts for value in part.logprobs.tolist()),
        tokens=_token_texts(engine, ids),
        is_greedy=all(part.is_likeliest.all() for part in parts),
        num_bytes=len(text.encode()),
        context_len=1,
    )


def score_encoded(engine: "Engine", pairs: Sequence[EncodedPair]) -> list["TokenScores"]:
    """Scores in the order of `pairs`; those with one context stand together in the engine, which reads it once."""
    order: dict[tuple[int, ...], list[int]] = {}
    for idx, pair in enumerate(pairs):
        order.setdefault(pair.context_ids, []).append(idx)
    together = [idx for indices in order.values() for idx in indices]
    scores = engine.score_pairs([(pairs[idx].context_ids, pairs[idx].continuation_ids) for idx in together])
    by_idx = dict(zip(together, scores, strict=True))
    return [by_idx[idx] for idx in range(len(pairs))]


def _engine(model: LanguageModel) -> "Engine":
    _check_can_score(model)
    if isinstance(model, LocalModel):
        return model.engine
    raise CapabilityError(
        f"{model.name} does not show how it cuts texts into tokens, so its scores would not compare with others: "
        "use a local model.",
        model.name,
        "score",
    )


def _check_can_score(model: LanguageModel) -> None:
    if "score" not in model.capabilities:
        raise CapabilityError(
            f"{model.name} gives no probabilities of given texts, which this evaluation needs: use a local model.",
            model.name,
            "score",
        )


def _encode_answer(model: LocalModel, context_ids: tuple[int, ...], answer: str) -> EncodedPair:
    answer_ids = tuple(model.engine.model.tokenizer.encode(answer))
    if not answer_ids:
        raise ValueError("The answer is empty: there is nothing to score.")
    num_read = len(context_ids) + len(answer_ids) - 1
    if num_read > model.max_seq_len:
        raise ContextOverflowError(
            f"Messages and answer are {num_read:,} tokens and {model.name} holds {model.max_seq_len:,}: shorten them, "
            "or use a model with a longer context.",
            num_read,
            model.max_seq_len,
        )
    return EncodedPair(context_ids=context_ids, continuation_ids=answer_ids)


def _scored(engine: "Engine", pair: EncodedPair, scores: "TokenScores", text: str) -> Scored:
    return Scored(
        logprobs=tuple(scores.logprobs.tolist()),
        tokens=_token_texts(engine, pair.continuation_ids),
        is_greedy=bool(scores.is_likeliest.all()),
        num_bytes=len(text.encode()),
        context_len=len(pair.context_ids),
        num_cut=pair.num_cut,
    )


def _token_texts(engine: "Engine", ids: Sequence[int]) -> tuple[str, ...]:
    return tuple(engine.model.tokenizer.token_bytes(token_id).decode("utf-8", "replace") for token_id in ids)


def _score_characters(model: ScriptedModel, context: str, continuation: str) -> Scored:
    kept = context.rstrip()
    asked = context[len(kept) :] + continuation
    return _of_characters(model.score(kept, asked).tolist(), asked, len(kept), len(continuation.encode()))


def _of_characters(logprobs: Sequence[float], text: str, context_len: int, num_bytes: int | None = None) -> Scored:
    return Scored(
        logprobs=tuple(logprobs),
        tokens=tuple(text),
        is_greedy=all(value > math.log(0.5) for value in logprobs),
        num_bytes=len(text.encode()) if num_bytes is None else num_bytes,
        context_len=context_len,
    )
