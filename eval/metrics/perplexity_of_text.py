"""Perplexity and bits per byte of texts under a model, by a named recipe.

Two perplexities can be compared where recipe, window, stride, start token and tokenizer are the same, all of which a
result states; bits per byte can be compared between tokenizers too. `perplexity_windows` says how the recipes cut.

Source: Jurafsky, Martin, "Speech and Language Processing", §3.3; each recipe adds up as the tool it is named after.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from eval.metrics.bootstrap import bootstrap_figure
from eval.metrics.figures import Figure
from eval.metrics.perplexity_recipe import RecipeSettings, choose_settings
from eval.metrics.perplexity_windows import Recipe, Window
from eval.metrics.references import checked_texts

if TYPE_CHECKING:
    from runtime import LoraWeights, Model


class ScoringEngine(Protocol):
    """What of `runtime.Engine` is needed."""

    model: "Model"
    max_seq_len: int

    def score(
        self, prompt_ids: Sequence[int], continuation_ids: Sequence[int], adapter: "LoraWeights | None" = None
    ) -> np.ndarray:
        """[n] log-probability of each continuation id after all ids before it."""
        ...


@dataclass(frozen=True, kw_only=True)
class Perplexity:
    """What a model made of texts, and all that must be known to get the same figures elsewhere."""

    perplexity: Figure  # per token
    bits_per_byte: Figure  # of the UTF-8 text that was scored
    word_perplexity: Figure | None  # per word between blanks; of whole texts by "rolling" alone
    standard_error: float  # of the perplexity, were its tokens independent: the "+/-" of llama.cpp
    model: str
    recipe: Recipe
    window: int  # tokens
    stride: int  # tokens from the start of a window to that of the next
    start_token: str | None
    num_windows: int
    num_tokens: int  # of the texts
    num_scored: int  # of these, those the figures are about
    num_bytes: int  # of the scored ones

    def __str__(self) -> str:
        is_short = self.num_windows == 1 and self.num_tokens < self.window
        return (
            f"perplexity {self.perplexity}, bits per byte {self.bits_per_byte}; {self.model}, recipe {self.recipe}, "
            f"window {self.window}, stride {self.stride}, start token {self.start_token or 'none'}; "
            f"{self.num_scored:,} of {self.num_tokens:,} tokens and {self.num_bytes:,} bytes scored in "
            f"{self.num_windows} windows{' (the text is shorter than one)' if is_short else ''}"
        )


def perplexity(
    engine: ScoringEngine,
    text: str | Sequence[str],
    *,
    recipe: Recipe = "rolling",
    window: int | None = None,
    stride: int | None = None,
    start_token: bool | None = None,
    max_windows: int | None = None,
    adapter: "LoraWeights | None" = None,
    progress: Callable[[int, int], None] | None = None,
) -> Perplexity:
    """How well a model foresees a text: e to the mean negative log-probability of its tokens.

    The intervals come from drawing windows anew, or documents where there are several.

    Args:
        text: one text, or documents, none of which is context of another.
        recipe: "window" (each window alone), "strided" (as the transformers documentation), "llama.cpp" (its second
            halves) or "rolling" (as lm-evaluation-harness).
        window: tokens the model sees at a time; None: 512 for "llama.cpp", else all that the engine holds.
        stride: of "strided" alone; None: 512, or half the window where that is less.
        start_token: whether the model's start token is used; None: where the model itself adds one. "rolling" always
            needs one, and takes the end token of a model without.
        max_windows: score the first ones alone.
        adapter: scores the model with it.
        progress: called after each window with the number done and of all.

    Raises:
        ValueError: a text too short to be scored, options that do not fit the recipe or the engine, or a
            log-probability that is not finite.
        TypeError: something that is not text.
        What `Engine.score` raises.
    """
    texts = checked_texts([text] if isinstance(text, str) else text, "text")
    if max_windows is not None and max_windows < 1:
        raise ValueError(f"max_windows is {max_windows}; score 1 window at least.")
    settings = choose_settings(
        engine.model.tokenizer, engine.max_seq_len, recipe=recipe, window=window, stride=stride, start_token=start_token
    )
    documents = [_Document(engine, idx, text, settings) for idx, text in enumerate(texts)]
    planned = [(document, cut) for document in documents for cut in document.windows]
    chosen = planned[:max_windows]
    scored: list[_Scored] = []
    for document, cut in chosen:
        scored.append(document.score(cut, adapter))
        if progress is not None:
            progress(len(scored), len(chosen))
    per_token, per_byte = _figures(scored)
    num_bytes = sum(part.num_bytes for part in scored)
    is_whole = recipe == "rolling" and len(chosen) == len(planned)
    return Perplexity(
        perplexity=per_token,
        bits_per_byte=per_byte,
        word_perplexity=_per_word(per_byte, num_bytes, texts) if is_whole else None,
        standard_error=_token_standard_error(scored, per_token.value),
        model=engine.model.name,
        recipe=recipe,
        window=settings.window,
        stride=settings.stride,
        start_token=_token_text(engine, settings.start_id),
        num_windows=len(scored),
        num_tokens=sum(document.num_tokens for document in documents),
        num_scored=sum(len(part.logprobs) for part in scored),
        num_bytes=num_bytes,
    )


@dataclass(frozen=True, kw_only=True)
class _Scored:
    """One window."""

    document: int
    logprobs: np.ndarray  # [n] float64
    num_bytes: int
    weight: int  # tokens it counts for in the mean


class _Document:
    """A text as ids, with the windows to score and the bytes of every token."""

    def __init__(self, engine: ScoringEngine, idx: int, text: str, settings: RecipeSettings) -> None:
        self._engine = engine
        self._idx = idx
        self._settings = settings
        tokenizer = engine.model.tokenizer
        ids = tokenizer.encode(text)
        self.num_tokens = len(ids)
        self._ids = settings.sequence(ids)
        self.windows = settings.windows(self._ids)
        if not self.windows:
            raise ValueError(
                f"Text {idx} has {len(ids)} tokens, none of which follows another: leave it out, or take a longer one."
            )
        self._num_bytes = [0] * (len(self._ids) - len(ids)) + [len(tokenizer.token_bytes(one)) for one in ids]
        # some vocabularies put a blank in front that the text has not
        self._num_bytes[-len(ids)] += len(text.encode()) - sum(self._num_bytes)

    def score(self, cut: Window, adapter: "LoraWeights | None") -> _Scored:
        logprobs = np.asarray(self._engine.score(cut.context_ids, self._ids[cut.start : cut.end], adapter), np.float64)
        wrong = np.flatnonzero(~np.isfinite(logprobs))
        if len(wrong):
            raise ValueError(
                f"The model gives token {cut.start + wrong[0]} of the text the log-probability {logprobs[wrong[0]]}; "
                "only finite ones have a perplexity."
            )
        num_bytes = sum(self._num_bytes[cut.start : cut.end])
        return _Scored(document=self._idx, logprobs=logprobs, num_bytes=num_bytes, weight=self._settings.weight(cut))


def _figures(scored: Sequence[_Scored]) -> tuple[Figure, Figure]:
    """Perplexity and bits per byte, both from the losses of windows; drawn by document where there are several."""
    documents = np.array([part.document for part in scored])
    has_several = len(set(documents)) > 1
    losses = np.array([-part.logprobs.sum() for part in scored])
    weights = np.array([part.weight for part in scored])
    num_bytes = np.array([part.num_bytes for part in scored])
    if not num_bytes.all():
        raise ValueError("The tokens of a window add no bytes to a text: there is nothing to divide by.")
    counts = weights > 0  # a window that counts for nothing must not be all that is drawn
    weighed = losses / [len(part.logprobs) for part in scored] * weights
    per_token = bootstrap_figure(
        np.column_stack([weighed, weights])[counts],
        lambda sums: np.exp(sums[:, 0] / sums[:, 1]),
        clusters=documents[counts].tolist() if has_several else None,
        unit="windows",
    )
    per_byte = bootstrap_figure(
        np.column_stack([losses, num_bytes]),
        lambda sums: sums[:, 0] / sums[:, 1] / math.log(2),
        clusters=documents.tolist() if has_several else None,
        unit="windows",
    )
    return per_token, per_byte


def _per_word(per_byte: Figure, num_bytes: int, texts: Sequence[str]) -> Figure:
    """The same losses, divided by the words as lm-eval counts them: an empty one after a last line break is one."""
    bytes_a_word = num_bytes / sum(len(re.split(r"\s+", text)) for text in texts)

    def convert(bits: float) -> float:
        return math.exp(bits * math.log(2) * bytes_a_word)

    value = convert(per_byte.value)
    error = per_byte.standard_error
    return Figure(
        value=value,
        interval=per_byte.interval and (convert(per_byte.interval[0]), convert(per_byte.interval[1])),
        n=per_byte.n,
        method=f"from bits per byte: {per_byte.method}",
        standard_error=None if error is None else value * math.log(2) * bytes_a_word * error,
        confidence=per_byte.confidence,
    )


def _token_standard_error(scored: Sequence[_Scored], perplexity: float) -> float:
    """The perplexity times the standard error of the mean log-probability; 0 for a single token."""
    logprobs = np.concatenate([part.logprobs for part in scored])
    if len(logprobs) < 2:
        return 0.0
    return float(perplexity * logprobs.std() / math.sqrt(len(logprobs) - 1))


def _token_text(engine: ScoringEngine, token_id: int | None) -> str | None:
    return None if token_id is None else engine.model.tokenizer.token_bytes(token_id).decode("utf-8", "replace")
