"""Draws the next token of one completion.

The order, which is that of transformers and, where they overlap, of vLLM:

1. repetition, then presence and frequency penalties, DRY, n-grams that may not come twice, then logit bias: they
   correct what the model said, so they see its logits unscaled, and a bias means the same whatever the penalties;
2. the mask, which no bias may override;
3. temperature 0: the likeliest token. Otherwise temperature, top-k, top-p, min-p, typical, each on what the one before
   left, so that "the likeliest 40, and of these 95 % of the mass" means what it says; then the draw.

Filters see only tokens that can still be drawn, gathered in ascending id order. What is ruled out cannot change their
answer, and forty tokens are sorted faster than a hundred thousand.
"""

import secrets
from collections.abc import Sequence, Set

import numpy as np

from runtime.sampling.filters import (
    keep_min_p,
    keep_top_k,
    keep_top_p,
    keep_typical,
    scale_temperature,
    softmax,
    temperature_by_entropy,
)
from runtime.sampling.logprobs import TokenLogprobs, token_logprobs
from runtime.sampling.mask import allowed_token_ids
from runtime.sampling.params import SamplingParams
from runtime.sampling.penalties import TokenCounts, add_bias_, penalize_counts_, penalize_repetition_
from runtime.sampling.random import uniform
from runtime.sampling.repetition import Dry, NGrams


class Sampler:
    """Chooses the tokens of one completion, and counts them for the penalties and the random numbers.

    A token depends on its logits, the parameters, the tokens before it, the seed and its position; not on the number
    of rows computed beside it, nor on what was drawn for other positions.
    """

    def __init__(
        self, params: SamplingParams, prompt_ids: Sequence[int], vocab_size: int, breakers: Set[int] = frozenset()
    ) -> None:
        """
        Args:
            breakers: tokens over which a repeat does not reach (`breaker_ids`); DRY needs them.

        Raises:
            ValueError: a bias on a token that the vocabulary does not have.
        """
        unknown = [i for i in params.logit_bias if i >= vocab_size]
        if unknown:
            raise ValueError(f"logit_bias names token {unknown[0]}; this model's ids are 0 … {vocab_size - 1}.")
        self.params = params
        self.seed = secrets.randbits(64) if params.seed is None else params.seed  # recorded, it replays the draws
        self.position = len(prompt_ids)  # of the next token in the sequence
        self._vocab_size = vocab_size
        self._completion = TokenCounts()
        self._seen = TokenCounts(prompt_ids if params.repetition_penalty != 1 else ())
        self._ngrams = NGrams(params.no_repeat_ngram) if params.no_repeat_ngram else None
        self._dry = None
        if params.dry_multiplier:
            self._dry = Dry(prompt_ids, params.dry_multiplier, params.dry_base, params.dry_allowed_length, breakers)

    def sample(self, logits: np.ndarray, mask: np.ndarray | None = None) -> int:
        """Draw the next token and count it.

        Args:
            logits: [V] float32, unnormalised; not changed.
            mask: [ceil(V / 32)] uint32, bit set = allowed (`runtime/grammar/base.py`); None allows all.

        Raises:
            ValueError: logits of another shape, not all finite, or nothing left to draw.
        """
        token_id = self.choose(logits, mask)
        self.accept(token_id)
        return token_id

    def choose(self, logits: np.ndarray, mask: np.ndarray | None = None) -> int:
        """As `sample`, but the token is not counted yet: `accept` does that once it is taken."""
        self._check(logits)
        row = self._penalized(logits)
        ids = None
        if mask is not None:
            ids = allowed_token_ids(mask, self._vocab_size)
            row = row[ids]
        if len(row) == 0 or row.max() == -np.inf:
            raise ValueError(
                f"No token may come at position {self.position}: the mask and logit_bias rule out all "
                f"{self._vocab_size}. Allow at least an end-of-generation token."
            )
        chosen = int(row.argmax()) if self.params.temperature == 0 else self._draw(row)
        return chosen if ids is None else int(ids[chosen])

    def accept(self, token_id: int) -> None:
        """Count a token that was decided elsewhere: forced by a grammar, or verified from a draft."""
        self.position += 1
        self._completion.add(token_id)
        if self.params.repetition_penalty != 1:
            self._seen.add(token_id)
        if self._ngrams is not None:
            self._ngrams.add(token_id)
        if self._dry is not None:
            self._dry.add(token_id)

    def logprobs(self, logits: np.ndarray, token_id: int) -> TokenLogprobs:
        """What the model gave `token_id` and its `params.logprobs` likeliest, before anything here changed it."""
        self._check(logits)
        return token_logprobs(logits, token_id, self.params.logprobs or 0)

    def _penalized(self, logits: np.ndarray) -> np.ndarray:
        params = self.params
        has_count_penalty = bool(params.presence_penalty or params.frequency_penalty)
        has_cures = self._ngrams is not None or self._dry is not None
        if params.repetition_penalty == 1 and not has_count_penalty and not has_cures and not params.logit_bias:
            return logits
        row = logits.copy()
        if params.repetition_penalty != 1:
            penalize_repetition_(row, self._seen.ids, params.repetition_penalty)
        if has_count_penalty:
            penalize_counts_(row, self._completion, params.presence_penalty, params.frequency_penalty)
        if self._dry is not None:
            self._dry.penalize_(row)
        if self._ngrams is not None:
            self._ngrams.penalize_(row)
        if params.logit_bias:
            add_bias_(row, params.logit_bias)
        return row

    def _draw(self, row: np.ndarray) -> int:
        """Index into `row` of a token drawn after temperature and filters."""
        params = self.params
        temperature = params.temperature
        if params.dynamic_temperature:
            temperature = temperature_by_entropy(row, temperature, params.dynamic_temperature)
        # from the highest down: a tiny temperature sends the others to -inf, and not the highest to inf
        scaled = scale_temperature(row - row.max(), temperature)[None]
        places: np.ndarray | None = None
        if params.top_k:
            scaled, places = _gather(keep_top_k(scaled, params.top_k), places)
        if params.top_p < 1:
            scaled, places = _gather(keep_top_p(scaled, params.top_p), places)
        if params.min_p:
            scaled, places = _gather(keep_min_p(scaled, params.min_p), places)
        if params.typical_p < 1:
            scaled, places = _gather(keep_typical(scaled, params.typical_p), places)
        mass = softmax(scaled)[0].cumsum()
        # side="right": a token of probability 0 spans nothing and is never drawn
        drawn = int(np.searchsorted(mass, uniform(self.seed, self.position) * mass[-1], side="right"))
        return drawn if places is None else int(places[drawn])

    def _check(self, logits: np.ndarray) -> None:
        if logits.shape != (self._vocab_size,) or logits.dtype != np.float32:
            raise ValueError(f"Logits are [{self._vocab_size}] float32, got {list(logits.shape)} {logits.dtype}.")
        # NaN and infinity show in the extremes, which cost a tenth of looking at each value
        if not (np.isfinite(logits.max()) and np.isfinite(logits.min())):
            token_id = int(np.flatnonzero(~np.isfinite(logits))[0])
            raise ValueError(
                f"The logits at position {self.position} are not finite: token {token_id} has {logits[token_id]}. "
                f"The forward pass that made them is at fault, or the weights are."
            )


def _gather(logits: np.ndarray, places: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """What a filter left of a [1, n] row, and where each value stood in the first row."""
    kept = np.flatnonzero(logits[0] > -np.inf)
    return logits[:, kept], kept if places is None else places[kept]
