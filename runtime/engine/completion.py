"""`CompletionTask`: draw token after token until something says stop."""

import time
from collections import deque
from collections.abc import Sequence

import numpy as np

from runtime.engine.handle import Outbox
from runtime.engine.requests import FinishReason, Piece, Request, Result, Timings
from runtime.engine.stop_text import StopText
from runtime.engine.task import Task
from runtime.errors import ModelRuntimeError
from runtime.grammar.base import Matcher
from runtime.sampling.breakers import breaker_ids
from runtime.sampling.logprobs import TokenLogprobs
from runtime.sampling.sampler import Sampler
from runtime.tokenizer.base import Tokenizer

MAX_DRAWS = 4  # under a constraint: tokens tried at one place before its ending is taken


class CompletionTask(Task):
    """One request. Every token becomes one `Piece`; text waits while it may be half a character or a stop.

    Tokens that a constraint leaves no choice about are not drawn, so the model need not be asked for each: it reads
    them together with the next one that is.
    """

    def __init__(
        self, request: Request, tokenizer: Tokenizer, vocab_size: int, max_seq_len: int, matcher: Matcher | None
    ) -> None:
        super().__init__(request.prompt_ids, request.adapter, request.timeout_s)
        self.request = request
        self.outbox = Outbox()
        self._tokenizer = tokenizer
        self._vocab_size = vocab_size
        self._matcher = matcher
        self._decided: deque[int] = deque()  # tokens that come next; the matcher is past them
        self._ends_decided = False  # with the last of these
        self._is_hurried = False  # a token was refused, since too little room would have been left to end
        self._sampler: Sampler | None = (
            None  # made at the start: it counts over the vocabulary, waiting requests do not
        )
        self._stream = tokenizer.stream(continues=True)  # the prompt's text goes before
        self._stop_text = StopText(request.params.stop)
        room = max_seq_len - len(self.sequence.ids)
        self._max_tokens = min(room, request.params.max_tokens or room)
        self._token_ids: list[int] = []
        self._texts: list[str] = []
        self._logprobs: list[TokenLogprobs] = []
        self._num_cached = self._num_forced = 0
        self._started_at = self._first_at = self._last_at = 0.0

    @property
    def max_reuse_len(self) -> int:
        return len(self.sequence.ids) - 1

    def begin(self, num_cached: int) -> None:
        if self._sampler is None:
            params = self.request.params
            breakers = breaker_ids(self._tokenizer) if params.dry_multiplier else frozenset()
            self._sampler = Sampler(params, self.request.prompt_ids, self._vocab_size, breakers)
            self._num_cached = num_cached
            self._started_at = time.monotonic()

    def wanted_positions(self, start: int, end: int) -> range:
        last = len(self.sequence.ids) - 1
        return range(last, last + 1) if end > last else range(0)

    def take(self, logits: np.ndarray) -> None:
        if len(logits) == 0:
            return
        assert self._sampler is not None, "a task must begin before it draws"
        row = logits[-1]
        check_row(row, len(self.sequence.ids) - 1 - self.num_virtual)
        self._decided.extend(self._decide(row) if not self._decided else ())
        if not self._decided:
            self._end("stop")
        is_first = True
        while self._decided and not self.is_done:
            token_id = self._decided.popleft()
            self._num_forced += not is_first
            is_first = False
            self._sampler.accept(token_id)
            wants_logprobs = self.request.params.logprobs is not None
            if wants_logprobs:
                self._logprobs.append(self._sampler.logprobs(row, token_id))
            self._add(token_id)
            if wants_logprobs:
                break  # those of the next token are not known yet

    def _decide(self, row: np.ndarray) -> Sequence[int]:
        """The next token, with those after it that need no model; none where the text ends here."""
        assert self._sampler is not None, "a task must begin before it draws"
        if self._matcher is None:
            return (self._sampler.choose(row),)
        mask = self._matcher.mask()
        room = self._max_tokens - len(self._token_ids)
        for _ in range(MAX_DRAWS):
            token_id = self._sampler.choose(row, mask)
            if self._matcher.try_accept(token_id, room - 1):
                return (token_id, *self._forced(self._matcher, room - 1))
            self._is_hurried = True
            mask = mask.copy()
            mask[token_id // 32] &= ~np.uint32(1 << token_id % 32)
            if not mask.any():
                break
        return self._ending(self._matcher)

    def _forced(self, matcher: Matcher, room: int) -> list[int]:
        """Tokens that must follow; where they would leave no room to end, the ending in their place."""
        tokens: list[int] = []
        for token_id in matcher.forced():
            if self._is_ending(token_id):
                break
            if not matcher.try_accept(token_id, room - len(tokens) - 1):
                self._is_hurried = True
                return [*tokens, *self._ending(matcher)]
            tokens.append(token_id)
        return tokens

    def _ending(self, matcher: Matcher) -> tuple[int, ...]:
        self._ends_decided = True
        ending = matcher.ending()
        for token_id in ending:
            matcher.accept(token_id)
        return ending

    def _add(self, token_id: int) -> None:
        self._last_at = time.monotonic()
        self._first_at = self._first_at or self._last_at
        self._token_ids.append(token_id)
        reason: FinishReason | None = None
        if self._is_ending(token_id):
            reason, text = "stop", ""
        else:
            self.sequence.ids.append(token_id)
            text = self._stop_text.push(self._stream.push(token_id))
            if self._stop_text.is_stopped or self._is_complete:
                reason = "stop"
            elif self._is_full:
                reason = "length"
        if reason is not None:
            text += self._rest()
        self._show(Piece((token_id,), text))
        if reason is not None:
            self._end(reason)

    @property
    def _is_complete(self) -> bool:
        """The text matches its constraint, and nothing more can or should follow."""
        if self._matcher is None or self._decided:
            return False
        return self._ends_decided or self._matcher.is_finished() or (self._is_full and self._matcher.is_accepting())

    @property
    def _is_full(self) -> bool:
        return len(self._token_ids) == self._max_tokens

    @property
    def _is_closed_early(self) -> bool:
        """The limit ended the text, whole as it is, where the model might have gone on."""
        return self._is_hurried or (self._matcher is not None and self._is_full and not self._matcher.is_finished())

    def _is_ending(self, token_id: int) -> bool:
        params = self.request.params
        # A constraint has nothing to say after an end token, so there the token ends the answer whatever was asked.
        ends_answer = token_id in self._tokenizer.eog_ids and (not params.ignore_eos or self._matcher is not None)
        return ends_answer or token_id in params.stop_token_ids

    def _rest(self) -> str:
        """Text that was waiting for tokens which will not come."""
        if self._stop_text.is_stopped:
            return ""
        return self._stop_text.push(self._stream.flush()) + self._stop_text.flush()

    def _show(self, piece: Piece) -> None:
        self._texts.append(piece.text)
        self.outbox.add(piece)

    def end_cancelled(self) -> None:
        if rest := self._rest():
            self._show(Piece((), rest))
        self._end("cancelled")

    def deliver_error(self, error: BaseException) -> None:
        self.outbox.end(error)

    def _end(self, reason: FinishReason) -> None:
        self.is_done = True
        self.outbox.end(
            Result(
                token_ids=tuple(self._token_ids),
                text="".join(self._texts),
                finish_reason=reason,
                prompt_tokens=len(self.request.prompt_ids),
                cached_tokens=self._num_cached,
                completion_tokens=len(self._token_ids),
                forced_tokens=self._num_forced,
                is_closed_early=reason == "stop" and self._is_closed_early,
                timings=self._timings(),
                logprobs=None if self.request.params.logprobs is None else tuple(self._logprobs),
            )
        )

    def _timings(self) -> Timings:
        num_computed = len(self.request.prompt_ids) - self._num_cached
        return Timings(
            ttft_s=max(0.0, self._first_at - self.submitted_at),
            prefill_tok_s=_rate(num_computed, self._first_at - self._started_at),
            decode_tok_s=_rate(len(self._token_ids) - 1, self._last_at - self._first_at),
        )


def check_row(row: np.ndarray, position: int) -> None:
    """Raise ModelRuntimeError for logits [V] that nothing can be drawn from; one pass, for NaN wins every maximum."""
    if not np.isfinite(row.max()):
        raise ModelRuntimeError(
            f"The model gave logits that are not finite at position {position}, so no token can be drawn. "
            "Verify the model file; if it is intact, report this prompt."
        )


def _rate(count: int, seconds: float) -> float:
    return count / seconds if count > 0 and seconds > 0 else 0.0
