"""`PrefixCache`: the pages of finished sequences, kept so that what continues them need not be computed again.

A handful of whole sequences, found by comparing ids; the next turn of a chat and the second question over the same
passages begin where the earlier request ended. Whole pages only: up to `PAGE_SIZE - 1` tokens are computed again.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from runtime.kernels.ops import PAGE_SIZE
from runtime.kvcache.pages import PagePool
from runtime.kvcache.sequence import KVSequence

MAX_RETAINED = 64  # sequences; each is compared with every new prompt


@dataclass(frozen=True, eq=False)
class _Retained:
    ids: np.ndarray  # int32, a whole number of pages
    namespace: str | None
    page_ids: tuple[int, ...]


class PrefixCache:
    """Least recently used first out. Holds its pages in the pool until evicted or cleared."""

    def __init__(self, pool: PagePool) -> None:
        self._pool = pool
        self._retained: list[_Retained] = []  # the most recently used last

    def retain(self, sequence: KVSequence) -> None:
        """Keep the whole pages of a sequence that ended; the sequence gives its own hold back."""
        num_pages = sequence.num_computed // PAGE_SIZE
        new = _Retained(
            np.array(sequence.ids[: num_pages * PAGE_SIZE], np.int32),
            sequence.namespace,
            tuple(sequence.page_ids[:num_pages]),
        )
        self._pool.share(new.page_ids)
        sequence.release(self._pool)
        for old in list(self._retained):
            shared = _common_len(old.ids, new.ids) if old.namespace == new.namespace else 0
            if shared == len(new.ids):  # a longer one, or the same, is here already; an empty one ends here too
                self._pool.release(new.page_ids)
                self._touch(old)
                return
            if shared == len(old.ids):
                self._drop(old)
        if num_pages:
            self._retained.append(new)
        if len(self._retained) > MAX_RETAINED:
            self.evict_oldest()

    def adopt_longest(self, sequence: KVSequence, running: Iterable[KVSequence], max_len: int) -> int:
        """Start `sequence` with the longest run of whole pages that a retained or running sequence computed for it.

        Args:
            sequence: not begun yet; changed.
            running: other sequences whose computed pages may be shared.
            max_len: share no more than this many tokens, so that something is left to compute logits from.

        Returns:
            Tokens that need not be computed.
        """
        best_len, best_pages, best_retained = self._longest(sequence, running, max_len)
        if best_retained is not None:
            self._touch(best_retained)
        num_pages = best_len // PAGE_SIZE
        self._pool.share(best_pages[:num_pages])
        sequence.adopt(best_pages[:num_pages])
        return num_pages * PAGE_SIZE

    def reusable_len(self, sequence: KVSequence, running: Iterable[KVSequence], max_len: int) -> int:
        """What `adopt_longest` would return now. Nothing is adopted, and nothing counts as used."""
        return self._longest(sequence, running, max_len)[0] // PAGE_SIZE * PAGE_SIZE

    def evict_oldest(self) -> bool:
        """Let go of the sequence unused for longest; False where there is none."""
        if not self._retained:
            return False
        self._drop(self._retained[0])
        return True

    def clear(self) -> None:
        """Let go of everything."""
        while self.evict_oldest():
            pass

    def __len__(self) -> int:
        return len(self._retained)

    def num_pages(self) -> int:
        """Different pages that are held."""
        return len({page_id for retained in self._retained for page_id in retained.page_ids})

    def _longest(
        self, sequence: KVSequence, running: Iterable[KVSequence], max_len: int
    ) -> tuple[int, tuple[int, ...], _Retained | None]:
        """The most of its first `max_len` ids that were computed, their pages, and who retains these, if one does."""
        ids = np.array(sequence.ids[:max_len], np.int32)
        best_len = 0
        best_pages: tuple[int, ...] = ()
        best_retained: _Retained | None = None
        for retained in self._retained:
            if retained.namespace == sequence.namespace and (shared := _common_len(retained.ids, ids)) > best_len:
                best_len, best_pages, best_retained = shared, retained.page_ids, retained
        for other in running:
            if other.namespace == sequence.namespace and other.num_computed - best_len >= PAGE_SIZE:
                other_ids = np.array(other.ids[: min(other.num_computed, len(ids))], np.int32)
                if (shared := _common_len(other_ids, ids)) > best_len:
                    best_len, best_pages, best_retained = shared, tuple(other.page_ids), None
        return best_len, best_pages, best_retained

    def _touch(self, retained: _Retained) -> None:
        self._retained.remove(retained)
        self._retained.append(retained)

    def _drop(self, retained: _Retained) -> None:
        self._retained.remove(retained)
        self._pool.release(retained.page_ids)


def _common_len(first: np.ndarray, second: np.ndarray) -> int:
    """How many leading ids two arrays share."""
    length = min(len(first), len(second))
    different = np.flatnonzero(first[:length] != second[:length])
    return int(different[0]) if len(different) else length
