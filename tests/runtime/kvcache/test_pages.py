"""Pages are counted exactly."""

import pytest

from runtime.errors import OutOfPagesError
from runtime.kvcache.pages import PagePool, num_pages_for
from tests.helpers.toy_engine import ToyDecoder, next_token


def build_pool(num_pages: int) -> PagePool:
    decoder = ToyDecoder(512, next_token)
    return PagePool(decoder.backend, decoder.kv_shape(num_pages))


def test_allocate_takes_different_pages_until_none_is_left() -> None:
    pool = build_pool(4)
    assert sorted(pool.allocate(3) + pool.allocate(1)) == [0, 1, 2, 3]
    assert (pool.num_free, pool.num_used) == (0, 4)


def test_allocate_takes_nothing_when_too_few_are_free() -> None:
    pool = build_pool(4)
    pool.allocate(2)
    with pytest.raises(OutOfPagesError, match=r"3 more KV pages .* 2 of 4 are free"):
        pool.allocate(3)
    assert pool.num_free == 2


def test_a_shared_page_is_free_only_when_everyone_let_go() -> None:
    pool = build_pool(2)
    page_ids = pool.allocate(1)
    pool.share(page_ids)
    pool.release(page_ids)
    assert pool.num_free == 1
    pool.release(page_ids)
    pool.check_all_free()


def test_releasing_twice_is_a_broken_invariant() -> None:
    pool = build_pool(2)
    page_ids = pool.allocate(1)
    pool.release(page_ids)
    with pytest.raises(AssertionError, match="more often"):
        pool.release(page_ids)


def test_sharing_a_free_page_is_a_broken_invariant() -> None:
    with pytest.raises(AssertionError, match="free"):
        build_pool(2).share([0])


def test_check_all_free_names_what_leaked() -> None:
    pool = build_pool(2)
    (page_id,) = pool.allocate(1)
    with pytest.raises(AssertionError, match=str(page_id)):
        pool.check_all_free()


def test_a_pool_without_pages_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one page"):
        build_pool(0)


@pytest.mark.parametrize(("num_tokens", "num_pages"), [(0, 0), (1, 1), (16, 1), (17, 2)])
def test_num_pages_for_rounds_up(num_tokens: int, num_pages: int) -> None:
    assert num_pages_for(num_tokens) == num_pages
