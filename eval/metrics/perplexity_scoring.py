"""Scoring a text window by window: ids in, what each window makes of its tokens out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from eval.metrics.perplexity_figures import WindowSums
from eval.metrics.perplexity_recipe import RecipeSettings
from eval.metrics.perplexity_windows import Window

if TYPE_CHECKING:
    from runtime import AdapterWeights, Model


class ScoringEngine(Protocol):
    """What of `runtime.Engine` is needed."""

    @property
    def model(self) -> "Model": ...

    @property
    def max_seq_len(self) -> int: ...

    def score(
        self, prompt_ids: Sequence[int], continuation_ids: Sequence[int], adapter: "AdapterWeights | None" = None
    ) -> np.ndarray:
        """[n] log-probability of each continuation id after all ids before it."""
        ...


@dataclass(frozen=True, kw_only=True)
class ScoredWindow:
    """What a model made of one window."""

    logprobs: np.ndarray  # [n] float64, of the tokens that are scored
    sums: WindowSums


class ScoredDocument:
    """A text as ids, with the windows to score and the bytes of every token.

    Raises:
        ValueError: a text too short to be scored.
    """

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

    def scored_ids(self, cut: Window) -> Sequence[int]:
        """Those that the model is asked for in this window."""
        return self._ids[cut.start : cut.end]

    def score(self, cut: Window, adapter: "AdapterWeights | None" = None) -> ScoredWindow:
        """Ask the model for one window. Raises ValueError for a log-probability that is not finite."""
        logprobs = np.asarray(self._engine.score(cut.context_ids, self.scored_ids(cut), adapter), np.float64)
        wrong = np.flatnonzero(~np.isfinite(logprobs))
        if len(wrong):
            raise ValueError(
                f"The model gives token {cut.start + wrong[0]} of the text the log-probability {logprobs[wrong[0]]}; "
                "only finite ones have a perplexity."
            )
        sums = WindowSums(
            document=self._idx,
            loss=float(-logprobs.sum()),
            num_tokens=len(logprobs),
            num_bytes=sum(self._num_bytes[cut.start : cut.end]),
            weight=self._settings.weight(cut),
        )
        return ScoredWindow(logprobs=logprobs, sums=sums)
