"""Sequences and the page tables built from them."""

import numpy as np

from runtime.kvcache.sequence import KVSequence, build_page_table
from tests.runtime.kvcache.test_pages import build_pool


def test_num_missing_pages_counts_what_is_not_there_yet() -> None:
    sequence = KVSequence(range(40))
    assert sequence.num_missing_pages(40) == 3
    sequence.page_ids = [5, 6]
    assert (sequence.num_missing_pages(33), sequence.num_missing_pages(32)) == (1, 0)


def test_build_page_table_places_new_tokens_at_the_end_of_each_sequence() -> None:
    first, second = KVSequence(range(20)), KVSequence(range(3))
    first.page_ids, first.num_computed = [7, 2], 17
    second.page_ids = [4]
    table = build_page_table([(first, 3), (second, 2)])
    assert table.page_ids.tolist() == [[7, 2], [4, 0]]
    assert table.query_starts.tolist() == [0, 3, 5]
    assert table.kv_lens.tolist() == [20, 2]
    np.testing.assert_array_equal(table.positions(), [17, 18, 19, 0, 1])


def test_release_gives_pages_back_and_keeps_the_ids() -> None:
    pool = build_pool(3)
    sequence = KVSequence([1, 2, 3])
    sequence.page_ids, sequence.num_computed = pool.allocate(2), 3
    sequence.release(pool)
    pool.check_all_free()
    assert (sequence.ids, sequence.num_computed) == ([1, 2, 3], 0)
