"""`ScoreTask`: log-probabilities of given ids, a bounded number of logit rows at a time."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np

from runtime.engine.completion import check_row
from runtime.engine.task import Task
from runtime.layers.adapter import AdapterWeights

MAX_LOGIT_BYTES = 32 << 20  # of one task's step; a row of a 256k vocabulary is 1 MiB


@dataclass(frozen=True)
class TokenScores:
    """What a model made of n given tokens, each after all before it."""

    logprobs: np.ndarray  # [n] float32
    is_likeliest: np.ndarray  # [n] bool: no token had more, and none of those with as much a lower id


class ScoreTask(Task):
    """Feeds prompt and continuation, all but the last id, and reads off what the model gave each next id."""

    def __init__(
        self,
        prompt_ids: Sequence[int],
        continuation_ids: Sequence[int],
        vocab_size: int,
        adapter: AdapterWeights | None,
    ) -> None:
        super().__init__([*prompt_ids, *continuation_ids[:-1]], adapter, timeout_s=None)
        self.future: Future[TokenScores] = Future()
        self._targets = list(continuation_ids)
        # The position whose logits say something about the continuation: the prompt's last, or the last virtual one.
        self._first = self.num_virtual + len(prompt_ids) - 1
        self._max_rows = max(1, MAX_LOGIT_BYTES // (4 * vocab_size))
        self._logprobs = np.empty(len(continuation_ids), np.float32)
        self._is_likeliest = np.empty(len(continuation_ids), np.bool_)

    @property
    def max_reuse_len(self) -> int:
        return self._first

    def next_span(self, chunk: int) -> tuple[int, int]:
        start, end = super().next_span(chunk)
        return start, min(end, max(start, self._first) + self._max_rows)

    def wanted_positions(self, start: int, end: int) -> range:
        return range(max(start, self._first), max(end, self._first))

    def take(self, logits: np.ndarray) -> None:
        end = self.sequence.num_computed
        for position, row in zip(range(end - len(logits), end), logits, strict=True):
            check_row(row, position - self.num_virtual)
            idx = position - self._first
            likeliest = row.argmax()
            self._is_likeliest[idx] = likeliest == self._targets[idx]
            self._logprobs[idx] = _logprob(row, self._targets[idx], row[likeliest])
        if end == len(self.sequence.ids):
            self.is_done = True
            self.future.set_result(TokenScores(self._logprobs, self._is_likeliest))

    def end_cancelled(self) -> None:
        self.is_done = True
        self.future.cancel()

    def deliver_error(self, error: BaseException) -> None:
        self.future.set_exception(error)


def _logprob(row: np.ndarray, token_id: int, highest: np.floating) -> float:
    """Log-softmax of logits [V], of which `highest` is one, at `token_id`; the sum runs in float64."""
    return float(row[token_id] - highest) - float(np.log(np.exp(row - highest).sum(dtype=np.float64)))
