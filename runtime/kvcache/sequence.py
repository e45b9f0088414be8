"""`KVSequence`: token ids on their way through a decoder, and the pages that hold their keys and values.

Only whole pages are ever shared, and a sequence writes past its shared pages, so nothing is copied on write.
"""

from collections.abc import Sequence

import numpy as np

from runtime.kernels.ops import PAGE_SIZE, PageTable
from runtime.kvcache.pages import PagePool, num_pages_for


class KVSequence:
    """Changes with every step: ids grow at the end, `num_computed` of them are in the cache.

    `namespace` is what besides the ids decides keys and values, such as an adapter's digest; None: the base model.
    """

    def __init__(self, ids: Sequence[int], namespace: str | None = None) -> None:
        self.ids = list(ids)
        self.namespace = namespace
        self.page_ids: list[int] = []
        self.num_computed = 0

    def adopt(self, page_ids: Sequence[int]) -> None:
        """Begin with whole pages that already hold this sequence's first ids; the caller has shared them."""
        assert not self.page_ids and self.num_computed == 0, "only a sequence that has not begun can adopt pages"
        self.page_ids = list(page_ids)
        self.num_computed = len(page_ids) * PAGE_SIZE

    def num_missing_pages(self, num_tokens: int) -> int:
        """Pages still to be allocated before the first `num_tokens` tokens have a place."""
        return max(0, num_pages_for(num_tokens) - len(self.page_ids))

    def num_shareable(self, other: "KVSequence", max_len: int) -> int:
        """Leading tokens, in whole pages and at most `max_len`, that `other` computes or will compute for this one."""
        if other.namespace != self.namespace:
            return 0
        limit = min(len(self.ids), len(other.ids), max_len)
        different = np.flatnonzero(np.array(self.ids[:limit]) != np.array(other.ids[:limit]))
        common_len = int(different[0]) if len(different) else limit
        return common_len // PAGE_SIZE * PAGE_SIZE

    def release(self, pool: PagePool) -> None:
        """Give all pages back and start over; the ids stay."""
        pool.release(self.page_ids)
        self.page_ids = []
        self.num_computed = 0


def build_page_table(steps: Sequence[tuple[KVSequence, int]]) -> PageTable:
    """The table of a step in which each sequence computes its next ids, as many as the number beside it."""
    page_ids = np.zeros((len(steps), max(len(sequence.page_ids) for sequence, _ in steps)), np.int32)
    query_starts = np.zeros(len(steps) + 1, np.int32)
    kv_lens = np.empty(len(steps), np.int32)
    for row, (sequence, num_new) in enumerate(steps):
        page_ids[row, : len(sequence.page_ids)] = sequence.page_ids
        query_starts[row + 1] = query_starts[row] + num_new
        kv_lens[row] = sequence.num_computed + num_new
    return PageTable(page_ids, query_starts, kv_lens)
