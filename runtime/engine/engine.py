"""`Engine`: the face of the runtime. It checks what callers ask, hands it to the loop's thread and waits for it."""

import weakref
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from copy import copy
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from runtime.embedding.embed import EmbeddingKind, batches, embed_batch, encode_texts
from runtime.engine.completion import CompletionTask
from runtime.engine.handle import Handle
from runtime.engine.kv_budget import num_pages_in_budget
from runtime.engine.loop import EngineLoop
from runtime.engine.requests import Request, Result, token_ids
from runtime.engine.scheduler import EngineStats, Scheduler
from runtime.engine.scoring import ScoreTask, TokenScores
from runtime.errors import SequenceTooLongError, UnsupportedModelError
from runtime.grammar.base import Constraint, Matcher
from runtime.kvcache.pages import PagePool
from runtime.layers.adapter import AdapterWeights, num_virtual_tokens
from runtime.layers.virtual_tokens import SoftPromptWeights
from runtime.models.decoder import Decoder
from runtime.models.encoder import Encoder
from runtime.sampling.params import SamplingParams

if TYPE_CHECKING:
    from runtime.loaders.load import Model

MAX_IN_FLIGHT = 64  # requests `generate` has submitted at once; the rest wait without costing memory
_T = TypeVar("_T")


class Engine:
    """Runs requests on one model. Safe from many threads; a context manager, which closes it.

    One thread owns the model and the KV pages, and callers only wait for it, so Ctrl-C in the main thread acts at once.
    Finished sequences stay in the cache while there is room: a request that begins with the same ids starts from their
    pages (`Result.cached_tokens`).
    """

    def __init__(self, model: "Model", kv_budget_bytes: int | None = None) -> None:
        """Allocate the KV pages and start the thread.

        Args:
            model: what `load_model` gave; close the engine before the model.
            kv_budget_bytes: memory for keys and values. None: room for one full context of the model, at most half of
                the memory available now (a smaller room is logged). `max_seq_len` says what one request may use.

        Raises:
            ValueError: a budget too small for a single page or larger than the machine's memory.
            MemoryError: the system refused the memory.
        """
        self.model = model
        self.adapter: AdapterWeights | None = None  # of requests that name none; see `with_adapter`
        self._shares_with: Engine | None = None  # held, for its thread ends when nobody holds it
        self._network = model.network
        self._context_len = model.config.max_seq_len  # what a sequence may hold, virtual tokens included
        scheduler = None
        if isinstance(self._network, Decoder):
            scheduler = self._build_scheduler(self._network, kv_budget_bytes)
        self._scheduler = scheduler
        self._loop = EngineLoop(scheduler)
        # An engine nobody holds ends its thread, without waiting: this may run inside any code of any thread.
        weakref.finalize(self, self._loop.stop_soon).atexit = False

    def _build_scheduler(self, decoder: Decoder, kv_budget_bytes: int | None) -> Scheduler:
        page_bytes = decoder.kv_shape(1, self.model.kv_dtype).page_bytes
        num_pages = num_pages_in_budget(kv_budget_bytes, page_bytes, self._context_len)
        pool = PagePool(decoder.backend, decoder.kv_shape(num_pages, self.model.kv_dtype))
        self._context_len = min(self._context_len, pool.capacity_len)
        return Scheduler(decoder, pool)

    @property
    def max_seq_len(self) -> int:
        """Tokens that one request may use, prompt and answer together; an adapter's virtual tokens are off already."""
        return self._max_seq_len(self.adapter)

    def with_adapter(self, adapter: AdapterWeights | None) -> "Engine":
        """This very engine, whose requests use `adapter` where they name none of their own; None for the base model.

        Nothing is loaded again: both share weights, pages and thread, may be used at once, and are closed together.
        Keys and values are never shared between adapters.

        Raises:
            AdapterError: an adapter of another model.
            UnsupportedModelError: an embedder.
        """
        self._check_can_complete()
        if adapter is not None:
            assert isinstance(self._network, Decoder)
            self._network.check_adapter(adapter)
        other = copy(self)
        other.adapter, other._shares_with = adapter, self
        return other

    def submit(self, request: Request) -> Handle:
        """Start a completion and return at once.

        Raises:
            ValueError: ids the vocabulary does not have, or a constraint that cannot be compiled.
            ConstraintLimitError: no text that matches the constraint was found to fit in `max_tokens`.
            SequenceTooLongError: prompt and one token do not fit in `max_seq_len`.
            UnsupportedModelError: an embedder, which completes nothing.
            EngineClosedError: closed, or a forked child process.
        """
        return self._submit(request if request.adapter is not None else replace(request, adapter=self.adapter))

    def _submit(self, request: Request) -> Handle:
        self._loop.check_open()
        self._check_can_complete()
        self._check_ids("prompt_ids", request.prompt_ids)
        self._check_ids("stop_token_ids", request.params.stop_token_ids)
        self._check_ids("logit_bias", tuple(request.params.logit_bias))
        self._check_fits("The prompt", len(request.prompt_ids), request.adapter, reserve=1)
        task = CompletionTask(
            request,
            self.model.tokenizer,
            self.model.config.vocab_size,
            self._context_len,
            self._compile(request),
        )
        self._loop.submit(task)
        return Handle(request, task.outbox, partial(self._loop.cancel, task), self)

    def generate(
        self,
        prompts: Sequence[str | Sequence[int]],
        params: SamplingParams | None = None,
        n: int = 1,
        constraint: Constraint | None = None,
        adapter: AdapterWeights | None = None,
    ) -> list[list[Result]]:
        """Complete every prompt `n` times and wait for all.

        Args:
            prompts: plain text, encoded with the model's own start token and no chat template, or ids as they are.
            params: for all of them; sample i of a prompt uses `seed + i` where a seed is given.
            n: samples a prompt; they share its pages.

        Returns:
            Per prompt, in order, its n results.

        Raises:
            What `submit` and `Handle.result` raise; the rest is cancelled then.
        """
        if isinstance(prompts, str):
            raise TypeError(f"prompts is one text, {prompts[:40]!r}; give a list of prompts: [prompt].")
        if n < 1:
            raise ValueError(f"n is {n}; ask for at least 1 sample a prompt.")
        params = params or SamplingParams()
        results: list[list[Result]] = [[] for _ in prompts]
        pending: deque[tuple[int, Handle]] = deque()
        try:
            for prompt_idx, prompt in enumerate(prompts):
                prompt_ids = self._prompt_ids(prompt)
                for sample_idx in range(n):
                    request = Request(
                        prompt_ids=prompt_ids,
                        params=_params_of_sample(params, sample_idx),
                        constraint=constraint,
                        adapter=adapter,
                    )
                    if len(pending) == MAX_IN_FLIGHT:
                        _collect(pending, results)
                    pending.append((prompt_idx, self.submit(request)))
            while pending:
                _collect(pending, results)
        finally:
            for _, handle in pending:
                handle.cancel()
        return results

    def score(
        self, prompt_ids: Sequence[int], continuation_ids: Sequence[int], adapter: AdapterWeights | None = None
    ) -> np.ndarray:
        """[n] float32: log-probability of each of the n continuation ids after all ids before it.

        No temperature, filter or penalty applies. Memory does not grow with n × vocabulary.

        Raises:
            ValueError: an empty prompt (but after a soft prompt, which the first token follows), or ids the vocabulary
                does not have.
            SequenceTooLongError: prompt and continuation do not fit in `max_seq_len` together; the last token needs no
                room, for nothing comes after it.
            UnsupportedModelError: an embedder.
        """
        return self.score_many(prompt_ids, [continuation_ids], adapter)[0]

    def score_many(
        self,
        prompt_ids: Sequence[int],
        continuations: Sequence[Sequence[int]],
        adapter: AdapterWeights | None = None,
    ) -> list[np.ndarray]:
        """`score` of each continuation after one prompt.

        The prompt is computed once, with the first continuation; the others, each from the last whole page of the
        prompt on, share forwards: one where together they are no more than a chunk and the engine is otherwise free.

        Raises:
            What `score` raises; nothing is computed where one continuation is refused.
        """
        pairs = [(prompt_ids, continuation) for continuation in continuations]
        return [scores.logprobs for scores in self.score_pairs(pairs, adapter)]

    def score_pairs(
        self, pairs: Sequence[tuple[Sequence[int], Sequence[int]]], adapter: AdapterWeights | None = None
    ) -> list[TokenScores]:
        """For each prompt and continuation `score`, and whether every token was the likeliest one.

        All are under way at once: short prompts share forwards, and prompts that begin alike are computed once as far
        as they do while they follow each other.

        Raises:
            What `score` raises; nothing is computed where one pair is refused.
        """
        self._loop.check_open()
        self._check_can_complete()
        chosen = self.adapter if adapter is None else adapter
        checked = [self._checked_pair(*pair, chosen) for pair in pairs]
        vocab_size = self.model.config.vocab_size
        tasks = [
            ScoreTask(prompt, continuation, vocab_size, chosen) for prompt, continuation in checked if continuation
        ]
        try:
            for task in tasks:
                self._loop.submit(task)
            scores = iter([task.future.result() for task in tasks])
        except BaseException:
            for task in tasks:
                self._loop.cancel(task)
            raise
        nothing = TokenScores(np.empty(0, np.float32), np.empty(0, np.bool_))
        return [next(scores) if continuation else nothing for _, continuation in checked]

    def embed(self, texts: Sequence[str], kind: EmbeddingKind = "document") -> np.ndarray:
        """[n, E] float32: a vector of length 1 for each text, in order.

        Args:
            kind: whether the texts ask or answer; models trained with prefixes get theirs.

        Raises:
            UnsupportedModelError: a model that completes text instead of embedding it.
            SequenceTooLongError: a text the model cannot see whole; nothing is cut off.
        """
        self._loop.check_open()
        network, entry = self._network, self.model.entry
        if not isinstance(network, Encoder):
            raise UnsupportedModelError(
                f"{self.model.name} completes text and has no embedding head. Load an embedder instead, such as "
                "load_model('minilm-l6').",
                self.model.path,
            )
        prefixes = entry.prefixes if entry is not None else {}
        encoded = encode_texts(texts, kind, self.model.tokenizer, prefixes, self._context_len)
        if not encoded:
            return np.empty((0, network.config.hidden_size), np.float32)
        return np.concatenate(
            _results([self._loop.call(partial(embed_batch, network, batch)) for batch in batches(encoded)])
        )

    def fork(self, handle: Handle, extra_ids: Sequence[int] = (), params: SamplingParams | None = None) -> Handle:
        """Go on from the exact ids of another request: its prompt, what it has generated by now, then `extra_ids`.

        The other request is unchanged and may still run. Its adapter and timeout are taken over, and with `params` None
        its sampling; its constraint is not, for that spoke of its whole answer.

        Raises:
            What `submit` raises.
        """
        parent = handle.request
        prompt_ids = (*parent.prompt_ids, *handle.token_ids, *token_ids("extra_ids", extra_ids))
        return self._submit(replace(parent, prompt_ids=prompt_ids, params=params or parent.params, constraint=None))

    def stats(self) -> EngineStats:
        """Pages and tasks at this moment. Raises EngineClosedError."""
        if self._scheduler is None:
            return EngineStats()
        return self._loop.call(self._scheduler.stats).result()

    def reusable_len(self, prompt_ids: Sequence[int]) -> int:
        """How many tokens of this prompt would be found in the cache, were it submitted now (`Result.cached_tokens`).

        Nothing is computed or kept by asking, and other requests may change it at any time. Adapters have caches of
        their own; this is about the engine's, or the base model. Raises EngineClosedError.
        """
        prompt = token_ids("prompt_ids", prompt_ids)
        if self._scheduler is None or not prompt:
            return 0
        return self._loop.call(partial(self._scheduler.reusable_len, prompt, self.adapter)).result()

    def clear_cache(self) -> None:
        """Forget finished sequences, as before a measurement. Results never depend on it."""
        if self._scheduler is not None:
            self._loop.call(self._scheduler.clear_cache).result()

    def close(self) -> None:
        """End the thread after the step at hand; whoever still waits gets EngineClosedError. Twice is harmless."""
        self._loop.close()

    def __enter__(self) -> "Engine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _prompt_ids(self, prompt: str | Sequence[int]) -> tuple[int, ...]:
        if isinstance(prompt, str):
            return tuple(self.model.tokenizer.encode(prompt, add_special=True))
        return token_ids("prompts", prompt)

    def _compile(self, request: Request) -> Matcher | None:
        if request.constraint is None:
            return None
        from runtime.grammar.matcher import compile_constraint  # llguidance takes a while to load and is seldom needed

        room = self._max_seq_len(request.adapter) - len(request.prompt_ids)
        limit = min(room, request.params.max_tokens or room)
        return compile_constraint(request.constraint, self.model.tokenizer, limit)

    def _check_can_complete(self) -> None:
        if not isinstance(self._network, Decoder):
            raise UnsupportedModelError(
                f"{self.model.name} is an embedder and completes no text. Use Engine.embed, or load a model that does, "
                "such as load_model('smollm2-135m').",
                self.model.path,
            )

    def _checked_pair(
        self, prompt_ids: Sequence[int], continuation_ids: Sequence[int], adapter: AdapterWeights | None
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        prompt = token_ids("prompt_ids", prompt_ids)
        continuation = token_ids("continuation_ids", continuation_ids)
        self._check_ids("prompt_ids", prompt)
        if not prompt and not isinstance(adapter, SoftPromptWeights):
            raise ValueError("prompt_ids is empty; give at least one token, such as the model's start token.")
        self._check_ids("continuation_ids", continuation)
        what = "What is to be read (the prompt, and the continuation but for its last token)"
        self._check_fits(what, len(prompt) + len(continuation[:-1]), adapter, reserve=0)
        return prompt, continuation

    def _check_ids(self, name: str, ids: Sequence[int]) -> None:
        vocab_size = self.model.config.vocab_size
        wrong = next((token_id for token_id in ids if not 0 <= token_id < vocab_size), None)
        if wrong is not None:
            raise ValueError(f"{name} holds {wrong}; token ids of this model are 0 to {vocab_size - 1}.")

    def _max_seq_len(self, adapter: AdapterWeights | None) -> int:
        return max(0, self._context_len - num_virtual_tokens(adapter))

    def _check_fits(self, what: str, num_tokens: int, adapter: AdapterWeights | None, reserve: int) -> None:
        limit = self._max_seq_len(adapter)
        if num_tokens + reserve <= limit:
            return
        is_whole = self._context_len == self.model.config.max_seq_len
        reason = "the model's context" if is_whole else "the KV cache of this engine"
        way_out = "Shorten it" if is_whole else "Shorten it, or raise kv_budget_bytes"
        room = f"holds {limit}" + (", the answer's first token included" if reserve else "")
        if num_virtual := num_virtual_tokens(adapter):
            room += f", beside the {num_virtual} virtual tokens of its adapter"
        raise SequenceTooLongError(f"{what} has {num_tokens} tokens and {reason} {room}. {way_out}.", num_tokens, limit)


def _params_of_sample(params: SamplingParams, sample_idx: int) -> SamplingParams:
    return params if params.seed is None else replace(params, seed=(params.seed + sample_idx) % 2**64)


def _collect(pending: deque[tuple[int, Handle]], results: list[list[Result]]) -> None:
    """Wait for the oldest pending request; it stays pending where it fails."""
    prompt_idx, handle = pending[0]
    results[prompt_idx].append(handle.result())
    pending.popleft()


def _results(futures: Sequence[Future[_T]]) -> list[_T]:
    """All results in order; where one fails or the caller is interrupted, the rest is called off."""
    try:
        return [future.result() for future in futures]
    finally:
        for future in futures:
            future.cancel()
