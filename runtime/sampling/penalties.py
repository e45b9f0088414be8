"""Penalties on tokens that occurred already, and biases a caller asked for.

The functions change `logits` [V] in place, at a few ids only: a row is 150,000 wide and these touch hundreds.
"""

from collections.abc import Iterable, Mapping

import numpy as np


class TokenCounts:
    """How often each token occurred. Adding one and reading all are both cheap."""

    def __init__(self, token_ids: Iterable[int] = ()) -> None:
        self._slots: dict[int, int] = {}  # token id → its place in the two arrays
        self._ids = np.empty(64, np.int64)
        self._counts = np.zeros(64, np.float32)
        for token_id in token_ids:
            self.add(token_id)

    def add(self, token_id: int) -> None:
        """Count one more."""
        slot = self._slots.get(token_id)
        if slot is None:
            slot = self._slots[token_id] = len(self._slots)
            if slot == len(self._ids):
                self._ids = np.concatenate([self._ids, np.empty_like(self._ids)])
                self._counts = np.concatenate([self._counts, np.zeros_like(self._counts)])
            self._ids[slot] = token_id
        self._counts[slot] += 1

    @property
    def ids(self) -> np.ndarray:
        """Each token once, in order of first occurrence, int64; a view."""
        return self._ids[: len(self._slots)]

    @property
    def counts(self) -> np.ndarray:
        """How often, beside `ids`, float32; a view."""
        return self._counts[: len(self._slots)]


def penalize_repetition_(logits: np.ndarray, seen_ids: np.ndarray, penalty: float) -> None:
    """Make tokens of prompt and completion less likely: positive logits are divided, negative ones multiplied.

    Source: Keskar et al., CTRL, arXiv:1909.05858, with the usual care for negative logits.
    """
    seen = logits[seen_ids]
    logits[seen_ids] = np.where(seen < 0, seen * np.float32(penalty), seen / np.float32(penalty))


def penalize_counts_(logits: np.ndarray, counts: TokenCounts, presence: float, frequency: float) -> None:
    """Take `presence` once, and `frequency` for each time, from tokens of the completion.

    Source: the definition in OpenAI's API reference, "Frequency and presence penalties".
    """
    logits[counts.ids] -= np.float32(presence) + np.float32(frequency) * counts.counts


def add_bias_(logits: np.ndarray, biases: Mapping[int, float]) -> None:
    """Add to the logits of single tokens; -inf rules one out."""
    ids = np.fromiter(biases.keys(), np.int64, len(biases))
    logits[ids] += np.fromiter(biases.values(), np.float32, len(biases))
