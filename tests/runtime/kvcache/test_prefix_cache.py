"""What continues an earlier sequence starts from its pages, and only that."""

import pytest

from runtime.kernels.ops import PAGE_SIZE
from runtime.kvcache import prefix_cache
from runtime.kvcache.pages import PagePool, num_pages_for
from runtime.kvcache.prefix_cache import PrefixCache
from runtime.kvcache.sequence import KVSequence
from tests.runtime.kvcache.test_pages import build_pool


def computed(pool: PagePool, ids: range | list[int], namespace: str | None = None) -> KVSequence:
    """A sequence all of whose ids are in the cache."""
    sequence = KVSequence(ids, namespace)
    sequence.page_ids = pool.allocate(num_pages_for(len(ids)))
    sequence.num_computed = len(ids)
    return sequence


@pytest.mark.parametrize(
    ("ids", "num_cached"),
    [
        (list(range(60)), 32),  # of 40 ids two whole pages
        (list(range(33)), 32),
        (list(range(32)), 16),  # one id is left to compute
        ([*range(20), *[99] * 20], 16),
        ([99, *range(1, 40)], 0),
    ],
)
def test_adopt_longest_takes_the_whole_pages_that_agree(ids: list[int], num_cached: int) -> None:
    pool = build_pool(8)
    cache = PrefixCache(pool)
    earlier = computed(pool, range(40))
    earlier_pages = list(earlier.page_ids)
    cache.retain(earlier)
    sequence = KVSequence(ids)
    assert cache.adopt_longest(sequence, [], len(ids) - 1) == num_cached
    assert sequence.page_ids == earlier_pages[: num_cached // PAGE_SIZE]


def test_retain_gives_the_last_partial_page_back() -> None:
    pool = build_pool(8)
    cache = PrefixCache(pool)
    cache.retain(computed(pool, range(40)))
    assert (pool.num_used, cache.num_pages()) == (2, 2)


def test_a_sequence_without_a_whole_page_leaves_nothing_behind() -> None:
    pool = build_pool(8)
    cache = PrefixCache(pool)
    cache.retain(computed(pool, range(15)))
    assert len(cache) == 0
    pool.check_all_free()


def test_another_namespace_shares_nothing() -> None:
    pool = build_pool(8)
    cache = PrefixCache(pool)
    cache.retain(computed(pool, range(40), namespace="adapter"))
    assert cache.adopt_longest(KVSequence(range(40)), [], 39) == 0


def test_a_running_sequence_shares_what_it_has_computed() -> None:
    pool = build_pool(8)
    running = computed(pool, range(40))
    running.num_computed = 20
    sequence = KVSequence(range(40))
    assert PrefixCache(pool).adopt_longest(sequence, [running], 39) == 16
    assert sequence.page_ids == running.page_ids[:1]


def test_what_an_extension_repeats_is_kept_once() -> None:
    pool = build_pool(8)
    cache = PrefixCache(pool)
    cache.retain(computed(pool, range(32)))
    cache.retain(computed(pool, range(48)))
    cache.retain(computed(pool, range(16)))
    assert (len(cache), pool.num_used) == (1, 3)


def test_eviction_starts_with_what_was_unused_for_longest() -> None:
    pool = build_pool(8)
    cache = PrefixCache(pool)
    cache.retain(computed(pool, range(16)))
    cache.retain(computed(pool, range(100, 116)))
    used = KVSequence(range(20))
    cache.adopt_longest(used, [], 19)
    assert cache.evict_oldest()
    assert cache.adopt_longest(KVSequence(range(100, 120)), [], 19) == 0
    assert cache.adopt_longest(KVSequence(range(20)), [], 19) == 16


def test_eviction_leaves_pages_to_those_who_use_them() -> None:
    pool = build_pool(8)
    cache = PrefixCache(pool)
    cache.retain(computed(pool, range(16)))
    sequence = KVSequence(range(20))
    cache.adopt_longest(sequence, [], 19)
    cache.clear()
    assert pool.num_used == 1
    sequence.release(pool)
    pool.check_all_free()
    assert not cache.evict_oldest()


def test_the_number_of_retained_sequences_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefix_cache, "MAX_RETAINED", 2)
    pool = build_pool(8)
    cache = PrefixCache(pool)
    for start in (0, 100, 200):
        cache.retain(computed(pool, range(start, start + 16)))
    assert (len(cache), pool.num_used) == (2, 2)


def test_asking_what_is_reusable_says_what_adopting_gives_and_changes_nothing() -> None:
    pool = build_pool(8)
    cache = PrefixCache(pool)
    cache.retain(computed(pool, range(40)))
    cache.retain(computed(pool, range(100, 140)))
    num_used = pool.num_used
    assert cache.reusable_len(KVSequence(range(60)), [], 59) == 32
    assert pool.num_used == num_used
    cache.evict_oldest()  # still the one that was asked about: asking is no use
    assert cache.reusable_len(KVSequence(range(60)), [], 59) == 0
    assert cache.reusable_len(KVSequence(range(100, 160)), [], 59) == 32
