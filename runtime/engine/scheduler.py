"""`Scheduler`: which tasks run, what one round computes, and who gives way when pages run out.

First come, first served: the oldest waiting task starts as soon as there are pages for its ids. A long prompt is
prefilled alone, chunk by chunk, so that the next one finds its pages; short rests, such as continuations of a prompt
that is in the cache, are prefilled together where one chunk holds them. Beside them every task that has its prompt
behind it gets one token a round. Tasks with one adapter share a forward. When pages run out the youngest running task
gives its own back and waits to be computed again, so the oldest always gets on. An error ends the task it belongs to
and no other.
"""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from runtime.engine.prefill_pace import PrefillPace
from runtime.engine.task import Task, num_pending, sequence_for
from runtime.kvcache.pages import PagePool
from runtime.kvcache.prefix_cache import PrefixCache
from runtime.kvcache.sequence import build_page_table
from runtime.layers.adapter import AdapterWeights, num_virtual_tokens
from runtime.layers.virtual_tokens import PrefixWeights
from runtime.models.decoder import Decoder

MAX_RUNNING = 16  # tasks in one forward


@dataclass(frozen=True, kw_only=True)
class EngineStats:
    """What an engine holds at one moment, between two steps."""

    num_pages: int = 0
    num_used_pages: int = 0
    num_cached_pages: int = 0  # of these, held by finished sequences, perhaps together with running ones
    num_running: int = 0
    num_waiting: int = 0


class Scheduler:
    """Owns the pages and every task from `add` until it has ended. One thread uses it."""

    def __init__(self, decoder: Decoder, pool: PagePool, pace: PrefillPace | None = None) -> None:
        self._decoder = decoder
        self._pool = pool
        self._prefixes = PrefixCache(pool)
        self._waiting: deque[Task] = deque()
        self._running: list[Task] = []  # in the order they started
        self._pace = pace or PrefillPace()
        self._chunk = self._pace.chunk  # tokens; the same for a whole round, for which pages are reserved

    def add(self, task: Task) -> None:
        """Queue a task whose ids fit in the pool when it is alone."""
        self._waiting.append(task)

    @property
    def has_tasks(self) -> bool:
        return bool(self._waiting or self._running)

    def round(self) -> None:
        """Let every running task make one step, after ending the unwanted and starting what can start."""
        self._chunk = self._pace.chunk
        self._drop_unwanted()
        self._start_waiting()
        for group in self._groups():
            self._step(group)
        self._retire_done()

    def stats(self) -> EngineStats:
        return EngineStats(
            num_pages=self._pool.num_pages,
            num_used_pages=self._pool.num_used,
            num_cached_pages=self._prefixes.num_pages(),
            num_running=len(self._running),
            num_waiting=len(self._waiting),
        )

    def reusable_len(self, prompt_ids: Sequence[int], adapter: AdapterWeights | None = None) -> int:
        """How many of these ids need not be computed, were they a prompt for this adapter now; None: the base model."""
        running = [task.sequence for task in self._running]
        sequence = sequence_for(prompt_ids, adapter)
        reusable_len = self._prefixes.reusable_len(sequence, running, len(sequence.ids) - 1)
        return max(0, reusable_len - num_virtual_tokens(adapter))

    def clear_cache(self) -> None:
        """Forget finished sequences; running ones keep what they share."""
        self._prefixes.clear()

    def end_all(self, error: Exception) -> None:
        """End every task with `error` and take every page back."""
        for task in [*self._running, *self._waiting]:
            if not task.is_done:
                task.fail(error)
            task.sequence.release(self._pool)
        self._running.clear()
        self._waiting.clear()
        self._prefixes.clear()
        self._pool.check_all_free()

    def _drop_unwanted(self) -> None:
        for task in [*self._waiting, *self._running]:
            if task.is_cancelled:
                task.end_cancelled()
            elif task.is_expired():
                task.fail(
                    TimeoutError(
                        f"The request is not finished after its timeout_s of {task.timeout_s}. Ask for fewer tokens or "
                        "allow more time."
                    )
                )
        self._waiting = deque(task for task in self._waiting if not task.is_done)
        self._retire_done()

    def _start_waiting(self) -> None:
        while self._waiting and len(self._running) < MAX_RUNNING and self._fit_one_chunk(self._prefilling()):
            if not self._start(self._waiting[0]):
                return
            self._waiting.popleft()

    def _prefilling(self) -> list[Task]:
        return [task for task in self._running if task.is_prefilling]

    def _fit_one_chunk(self, tasks: Sequence[Task]) -> bool:
        """Whether everything these wait for is no more than the prompt tokens of one step."""
        return num_pending(tasks) <= self._chunk

    def _start(self, task: Task) -> bool:
        """Give a task the pages of all its ids, shared where they are known; False where it must wait for them."""
        running = [other.sequence for other in self._running]
        num_cached = self._prefixes.adopt_longest(task.sequence, running, task.max_reuse_len)
        if not self._can_prefill(task) or not self._reserve(task, len(task.sequence.ids)):
            task.sequence.release(self._pool)
            return False
        self._running.append(task)
        task.has_prompt_behind = False
        with _errors_end(task):
            self._write_prefix(task)
            task.begin(max(0, num_cached - task.num_virtual))
        return True

    def _write_prefix(self, task: Task) -> None:
        """Put a prefix's keys and values where its virtual tokens stand; what shared pages held is there already."""
        sequence, missing = task.sequence, task.num_virtual - task.sequence.num_computed
        if isinstance(task.adapter, PrefixWeights) and missing > 0:
            self._decoder.write_prefix(task.adapter, build_page_table([(sequence, missing)]), self._pool.storage)
            sequence.num_computed += missing

    def _can_prefill(self, task: Task) -> bool:
        """Whether a task's ids can be computed beside those under way, and none would be found if it waited."""
        prefilling = self._prefilling()
        if not prefilling:
            return True
        best_len = max(task.sequence.num_shareable(other.sequence, task.max_reuse_len) for other in prefilling)
        return best_len <= task.sequence.num_computed and self._fit_one_chunk([*prefilling, task])

    def _reserve(self, task: Task, num_tokens: int) -> bool:
        """Pages for a task's first `num_tokens` tokens, at the cost of cached ones; False where that is not enough."""
        missing = task.sequence.num_missing_pages(num_tokens)
        while self._pool.num_free < missing and self._prefixes.evict_oldest():
            pass
        if self._pool.num_free < missing:
            return False
        task.sequence.page_ids += self._pool.allocate(missing)
        return True

    def _groups(self) -> list[list[Task]]:
        """Running tasks by adapter, each with pages for its next step."""
        for task in list(self._running):  # the oldest first: it takes pages from the youngest
            while task in self._running and not self._reserve(task, task.next_span(self._chunk)[1]):
                self._preempt_youngest()
        groups: dict[int, list[Task]] = {}
        for task in self._running:
            if not task.is_done:
                groups.setdefault(id(task.adapter), []).append(task)
        return list(groups.values())

    def _preempt_youngest(self) -> None:
        youngest = self._running.pop()
        youngest.sequence.release(self._pool)
        self._waiting.appendleft(youngest)

    def _step(self, tasks: Sequence[Task]) -> None:
        """One forward for tasks with one adapter; if it fails, each task alone, to find out whose fault it is."""
        try:
            logits, counts = self._forward(tasks)
        except Exception as error:
            if len(tasks) == 1:
                tasks[0].fail(error)
            else:
                for task in tasks:
                    self._step([task])
            return
        ends = np.cumsum(counts)
        for task, count, end in zip(tasks, counts, ends, strict=True):
            with _errors_end(task):
                task.take(logits[end - count : end])

    def _forward(self, tasks: Sequence[Task]) -> tuple[np.ndarray, list[int]]:
        """Compute the next span of every task: logits of all wanted positions [R, V], and how many are whose."""
        input_ids: list[int] = []
        logit_rows: list[int] = []
        counts: list[int] = []
        steps = []
        for task in tasks:
            start, end = task.next_span(self._chunk)
            wanted = task.wanted_positions(start, end)
            logit_rows += [len(input_ids) + position - start for position in wanted]
            counts.append(len(wanted))
            input_ids += task.sequence.ids[start:end]
            steps.append((task.sequence, end - start))
        began = time.perf_counter()
        logits = self._decoder.forward(
            np.array(input_ids, np.int32),
            build_page_table(steps),
            self._pool.storage,
            np.array(logit_rows, np.int32),
            tasks[0].adapter,
        )
        self._pace.note(len(input_ids), time.perf_counter() - began)
        for task, (sequence, num_new) in zip(tasks, steps, strict=True):
            sequence.num_computed += num_new
            task.has_prompt_behind |= sequence.num_computed == len(sequence.ids)
        return logits, counts

    def _retire_done(self) -> None:
        """Take ended tasks out. What they computed stays for those who continue it, unless it went wrong."""
        for task in self._running:
            if task.has_failed:
                task.sequence.release(self._pool)
            elif task.is_done:
                self._prefixes.retain(task.sequence)
        self._running = [task for task in self._running if not task.is_done]


@contextmanager
def _errors_end(task: Task) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        task.fail(error)
