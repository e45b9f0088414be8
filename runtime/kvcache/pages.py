"""`PagePool`: a fixed number of KV pages, handed out and taken back by reference count.

It owns the backend's KV storage and knows which pages are in use; what is in them is the business of `sequence` and
`prefix_cache`. One thread uses a pool: the engine's.
"""

from collections.abc import Iterable

from runtime.errors import OutOfPagesError
from runtime.kernels.ops import PAGE_SIZE, Backend, KVPool, KVShape


class PagePool:
    """Pages 0 … num_pages − 1 of one KV storage. A page is free when nobody holds it."""

    def __init__(self, backend: Backend, shape: KVShape) -> None:
        """Allocate the storage. Raises MemoryError, with the bytes asked for, where there is not enough."""
        if shape.num_pages < 1:
            raise ValueError(f"A KV pool needs at least one page, got {shape.num_pages}.")
        self.storage: KVPool = backend.new_kv_pool(shape)
        self.num_pages = shape.num_pages
        self.page_bytes = shape.page_bytes
        self._num_holders = [0] * shape.num_pages
        self._free = list(range(shape.num_pages - 1, -1, -1))  # a stack: the page given back last is warm in the cache

    @property
    def num_free(self) -> int:
        return len(self._free)

    @property
    def num_used(self) -> int:
        return self.num_pages - len(self._free)

    @property
    def capacity_len(self) -> int:
        """Tokens that all pages together hold."""
        return self.num_pages * PAGE_SIZE

    def allocate(self, num_pages: int) -> list[int]:
        """Take free pages, all or none, each held once.

        Raises:
            OutOfPagesError: fewer are free; nothing was taken.
        """
        if num_pages > len(self._free):
            raise OutOfPagesError(
                f"{num_pages} more KV pages of {PAGE_SIZE} tokens are needed and {len(self._free)} of {self.num_pages} "
                "are free. Run fewer or shorter requests at once, or give the engine a larger kv_budget_bytes."
            )
        page_ids = [self._free.pop() for _ in range(num_pages)]
        for page_id in page_ids:
            self._num_holders[page_id] = 1
        return page_ids

    def share(self, page_ids: Iterable[int]) -> None:
        """Hold pages once more that someone already holds."""
        for page_id in page_ids:
            assert self._num_holders[page_id] > 0, f"page {page_id} is free and cannot be shared"
            self._num_holders[page_id] += 1

    def release(self, page_ids: Iterable[int]) -> None:
        """Let go of pages once; those that nobody holds any more become free."""
        for page_id in page_ids:
            assert self._num_holders[page_id] > 0, f"page {page_id} was released more often than it was held"
            self._num_holders[page_id] -= 1
            if self._num_holders[page_id] == 0:
                self._free.append(page_id)

    def check_all_free(self) -> None:
        """Assert that every page came back and came back once."""
        held = [page_id for page_id, count in enumerate(self._num_holders) if count]
        assert not held, f"pages {held} were never released"
        assert sorted(self._free) == list(range(self.num_pages)), "the free list lost or doubled a page"


def num_pages_for(num_tokens: int) -> int:
    """Pages that `num_tokens` tokens fill, the last one perhaps in part."""
    return -(-num_tokens // PAGE_SIZE)
