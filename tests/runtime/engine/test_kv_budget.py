"""Memory for keys and values: a full context by default, never more than there is."""

import logging

import pytest

from runtime.engine.kv_budget import num_pages_in_budget

PAGE_BYTES = 1000


def test_the_default_is_one_full_context() -> None:
    assert num_pages_in_budget(None, PAGE_BYTES, max_seq_len=100, available_bytes=10**9) == 7


def test_the_default_takes_at_most_half_of_the_memory_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert num_pages_in_budget(None, PAGE_BYTES, max_seq_len=100, available_bytes=6999) == 3
    assert "holds 48 tokens instead of the model's whole context of 100" in caplog.text
    assert "6999 bytes" in caplog.text


def test_a_given_budget_counts_whole_pages() -> None:
    assert num_pages_in_budget(2999, PAGE_BYTES, max_seq_len=100, available_bytes=10**9) == 2


@pytest.mark.parametrize(
    ("budget_bytes", "message"),
    [
        (999, "kv_budget_bytes is 999, and one page of 16 tokens of this model takes 1000; .* 100 tokens takes 7000"),
        (5001, "kv_budget_bytes is 5001, and 5000 bytes of memory are available.* 100 tokens takes 7000"),
    ],
)
def test_an_impossible_budget_is_refused_with_the_numbers(budget_bytes: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        num_pages_in_budget(budget_bytes, PAGE_BYTES, max_seq_len=100, available_bytes=5000)
