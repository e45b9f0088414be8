"""Perplexity and bits per byte of texts under a model, by a named recipe.

Two perplexities can be compared where recipe, window, stride, start token and tokenizer are the same, all of which a
result states; bits per byte can be compared between tokenizers too. `perplexity_windows` says how the recipes cut.

Source: Jurafsky, Martin, "Speech and Language Processing", §3.3; each recipe adds up as the tool it is named after.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from eval.metrics.figures import Figure
from eval.metrics.perplexity_figures import perplexity_figures, perplexity_per_word, token_error
from eval.metrics.perplexity_recipe import choose_settings
from eval.metrics.perplexity_scoring import ScoredDocument, ScoredWindow, ScoringEngine
from eval.metrics.perplexity_windows import Recipe
from eval.metrics.references import checked_texts

if TYPE_CHECKING:
    from runtime import AdapterWeights


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
    adapter: "AdapterWeights | None" = None,
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
    documents = [ScoredDocument(engine, idx, text, settings) for idx, text in enumerate(texts)]
    planned = [(document, cut) for document in documents for cut in document.windows]
    chosen = planned[:max_windows]
    scored: list[ScoredWindow] = []
    for document, cut in chosen:
        scored.append(document.score(cut, adapter))
        if progress is not None:
            progress(len(scored), len(chosen))
    sums = [part.sums for part in scored]
    per_token, per_byte = perplexity_figures(sums)
    num_bytes = sum(part.num_bytes for part in sums)
    is_whole = recipe == "rolling" and len(chosen) == len(planned)
    return Perplexity(
        perplexity=per_token,
        bits_per_byte=per_byte,
        word_perplexity=perplexity_per_word(per_byte, num_bytes, texts) if is_whole else None,
        standard_error=token_error(np.concatenate([part.logprobs for part in scored]), per_token.value),
        model=engine.model.name,
        recipe=recipe,
        window=settings.window,
        stride=settings.stride,
        start_token=settings.start_token(engine.model.tokenizer),
        num_windows=len(scored),
        num_tokens=sum(document.num_tokens for document in documents),
        num_scored=sum(len(part.logprobs) for part in scored),
        num_bytes=num_bytes,
    )
