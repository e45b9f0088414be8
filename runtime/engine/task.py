"""`Task`: ids to be fed through the decoder, and what is done with the logits. The loop runs tasks of any kind."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

import numpy as np

from runtime.kvcache.sequence import KVSequence
from runtime.layers.adapter import AdapterWeights, num_virtual_tokens
from runtime.layers.virtual_tokens import virtual_ids


class Task(ABC):
    """Belongs to the loop's thread once handed over; only `cancel` may come from another."""

    def __init__(self, ids: Sequence[int], adapter: AdapterWeights | None, timeout_s: float | None) -> None:
        self.num_virtual = num_virtual_tokens(adapter)  # ids in front of those given, for no one else to see
        self.sequence = sequence_for(ids, adapter)
        self.adapter = adapter
        self.timeout_s = timeout_s
        self.submitted_at = time.monotonic()
        self.has_prompt_behind = False  # its ids were all computed once since its pages were given
        self.is_cancelled = False
        self.is_done = False
        self.has_failed = False

    @property
    @abstractmethod
    def max_reuse_len(self) -> int:
        """Leading ids whose logits nobody needs, so that their pages may come from the prefix cache."""

    @abstractmethod
    def wanted_positions(self, start: int, end: int) -> range:
        """Positions among `start … end − 1` whose logits `take` needs."""

    @abstractmethod
    def take(self, logits: np.ndarray) -> None:
        """Use the logits [R, V] of the wanted positions of the step just made. Ends with `is_done` or more ids."""

    @abstractmethod
    def end_cancelled(self) -> None:
        """Deliver what there is: the caller wants no more."""

    def fail(self, error: BaseException) -> None:
        """Deliver an error; nothing follows."""
        self.is_done = self.has_failed = True
        self.deliver_error(error)

    @abstractmethod
    def deliver_error(self, error: BaseException) -> None:
        """Hand the error to whoever waits."""

    def begin(self, num_cached: int) -> None:  # noqa: B027 (most kinds have nothing to do)
        """Called when the first pages are there, `num_cached` of the given ids in them; again after a preemption."""

    def next_span(self, chunk: int) -> tuple[int, int]:
        """First and past-the-last position of a next step of up to `chunk` tokens."""
        start = self.sequence.num_computed
        return start, min(len(self.sequence.ids), start + chunk)

    @property
    def num_pending(self) -> int:
        """Ids that are not computed yet."""
        return len(self.sequence.ids) - self.sequence.num_computed

    @property
    def is_prefilling(self) -> bool:
        """A prompt is waiting; not the few tokens that a grammar forced."""
        return not self.has_prompt_behind and self.num_pending > 1

    def is_expired(self) -> bool:
        return self.timeout_s is not None and time.monotonic() - self.submitted_at > self.timeout_s


def sequence_for(ids: Sequence[int], adapter: AdapterWeights | None) -> KVSequence:
    """Ids of a request, with the adapter's virtual ones in front; its keys and values are known by its digest."""
    namespace = None if adapter is None else adapter.digest
    return KVSequence([*virtual_ids(num_virtual_tokens(adapter)), *ids], namespace)


def num_pending(tasks: Iterable[Task]) -> int:
    """Ids of all of these that are not computed yet."""
    return sum(task.num_pending for task in tasks)
