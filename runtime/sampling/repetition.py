"""Cures for a text that repeats itself: n-grams that may not come twice, and DRY: the longer a repeat, the dearer."""

from collections.abc import Iterable, Set

import numpy as np

MAX_MATCH = 64  # tokens of a repeat that are told apart; by then its penalty rules out anything
RULED_OUT = 1e4  # off a logit: never drawn, unless a constraint leaves nothing else; and logits keep their digits


class NGrams:
    """Which token came after which run of n − 1 tokens, so that no run of n comes twice.

    Of the completion alone: an answer may quote what it was asked about, and a prompt's roles follow each other in ever
    the same way. (transformers' `no_repeat_ngram_size` counts the prompt too.)

    Source: Paulus et al., arXiv:1705.04304, section 2.5.
    """

    def __init__(self, n: int) -> None:
        self._n = n
        self._recent: tuple[int, ...] = ()  # the last n − 1 tokens
        self._after: dict[tuple[int, ...], list[int]] = {}

    def add(self, token_id: int) -> None:
        """Note the next token."""
        if len(self._recent) == self._n - 1:
            self._after.setdefault(self._recent, []).append(token_id)
        self._recent = (*self._recent, token_id)[-(self._n - 1) :] if self._n > 1 else ()

    def penalize_(self, logits: np.ndarray) -> None:
        """Rule out, in place, the tokens of `logits` [V] that would complete a run that was there before."""
        logits[self._after.get(self._recent, [])] -= np.float32(RULED_OUT)


class Dry:
    """Lowers the logit of a token that would lengthen a repeat of what stands in prompt or completion.

    A repeat of L ≥ `allowed_length` tokens, the longest that ends here and went on with the token before, costs
    multiplier · base^(L − allowed_length). It does not reach over breakers, such as line breaks, nor are these lowered:
    what is written in lines, or by turns, has to repeat them.

    Source: p-e-w, "DRY: A modern repetition penalty", text-generation-webui pull request 5677.
    """

    def __init__(
        self, token_ids: Iterable[int], multiplier: float, base: float, allowed_length: int, breakers: Set[int]
    ) -> None:
        self._multiplier, self._base, self._allowed_length = multiplier, base, allowed_length
        self._breakers = breakers
        ids = list(token_ids)
        self._ids = np.array(ids, np.int64)
        self._breaks = np.array([token_id in breakers for token_id in ids], bool)
        self._size = len(ids)

    def add(self, token_id: int) -> None:
        """Note the next token."""
        if self._size == len(self._ids):
            room = max(64, self._size)
            self._ids = np.concatenate([self._ids, np.zeros(room, np.int64)])
            self._breaks = np.concatenate([self._breaks, np.zeros(room, bool)])
        self._ids[self._size] = token_id
        self._breaks[self._size] = token_id in self._breakers
        self._size += 1

    def penalize_(self, logits: np.ndarray) -> None:
        """Change `logits` [V] in place."""
        for token_id, length in self._repeats().items():
            if length >= self._allowed_length:
                penalty = min(self._multiplier * self._base ** (length - self._allowed_length), RULED_OUT)
                logits[token_id] -= np.float32(penalty)

    def _repeats(self) -> dict[int, int]:
        """Tokens that went on after what stands at the end, and how long the longest of these repeats is."""
        ids, breaks = self._ids[: self._size], self._breaks[: self._size]
        last = self._size - 1
        longest: dict[int, int] = {}
        if last < 1 or breaks[last]:
            return longest
        ends = np.flatnonzero(ids[:last] == ids[last])
        length = 1
        while len(ends):
            following = ids[ends + 1]
            for token_id in np.unique(following[~breaks[ends + 1]]).tolist():
                longest[token_id] = length  # repeats only get fewer as they get longer
            if length == MAX_MATCH or last - length < 0 or breaks[last - length]:
                break
            ends = ends[ends >= length]
            ends = ends[ids[ends - length] == ids[last - length]]
            length += 1
        return longest
