"""Every recipe's windows, written out by hand, and what all of them promise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.metrics.perplexity_windows import (
    Window,
    disjoint_windows,
    llama_cpp_windows,
    rolling_windows,
    strided_windows,
)

START = 99
lengths = st.integers(2, 60)
sizes = st.integers(2, 20)


def test_windows_side_by_side_lose_their_first_token() -> None:
    assert disjoint_windows(range(7), 3, None) == [Window((0,), 1, 3), Window((3,), 4, 6)]  # 6 is alone


def test_a_start_token_takes_a_place_in_each_window() -> None:
    assert disjoint_windows(range(5), 3, START) == [
        Window((START,), 0, 2),
        Window((START,), 2, 4),
        Window((START,), 4, 5),
    ]


def test_strided_windows_score_what_is_new() -> None:
    assert strided_windows(range(10), 6, 2) == [
        Window((0,), 1, 6),
        Window((2, 3, 4, 5), 6, 8),
        Window((4, 5, 6, 7), 8, 10),
    ]


def test_a_last_stride_may_be_short() -> None:
    assert strided_windows(range(9), 6, 4) == [Window((0,), 1, 6), Window((4, 5), 6, 9)]


def test_llama_cpp_scores_second_halves_and_drops_the_rest() -> None:
    assert llama_cpp_windows(range(21), 8, None) == [
        Window((0, 1, 2, 3, 4), 5, 8),
        Window((8, 9, 10, 11, 12), 13, 16),
    ]


def test_in_llama_cpp_the_start_token_takes_the_place_of_another() -> None:
    assert llama_cpp_windows([START, *range(1, 16)], 8, START)[1] == Window((START, 9, 10, 11, 12), 13, 16)


def test_rolling_windows_are_those_of_lm_eval() -> None:
    # its own example: 34 tokens, 10 at a time; the last window is filled up with context
    assert rolling_windows(range(34), 10, START) == [
        Window((START,), 0, 10),
        Window((9,), 10, 20),
        Window((19,), 20, 30),
        Window((23, 24, 25, 26, 27, 28, 29), 30, 34),
    ]


def test_a_short_text_is_one_window() -> None:
    assert disjoint_windows(range(3), 8, None) == strided_windows(range(3), 8, 4) == [Window((0,), 1, 3)]
    assert rolling_windows(range(3), 8, START) == [Window((START,), 0, 3)]


@pytest.mark.parametrize("num_ids", [0, 1])
def test_nothing_to_score_is_no_window(num_ids: int) -> None:
    assert disjoint_windows(range(num_ids), 4, None) == strided_windows(range(num_ids), 4, 2) == []


@given(lengths, sizes, st.data())
def test_strided_windows_score_all_but_the_first_token_once(num_ids: int, window: int, data: st.DataObject) -> None:
    stride = data.draw(st.integers(1, window - 1))
    windows = strided_windows(range(num_ids), window, stride)
    assert [idx for cut in windows for idx in range(cut.start, cut.end)] == list(range(1, num_ids))
    for cut in windows:
        assert cut.context_ids == tuple(range(cut.start - len(cut.context_ids), cut.start))
        assert len(cut.context_ids) + cut.end - cut.start <= window


@given(lengths, sizes)
def test_a_stride_as_long_as_the_window_is_windows_side_by_side(num_ids: int, window: int) -> None:
    assert strided_windows(range(num_ids), window, window) == disjoint_windows(range(num_ids), window, None)


@given(lengths, sizes)
def test_rolling_windows_score_every_token_once_and_read_no_more_than_a_window(num_ids: int, window: int) -> None:
    windows = rolling_windows(range(num_ids), window, START)
    assert [idx for cut in windows for idx in range(cut.start, cut.end)] == list(range(num_ids))
    for cut in windows:
        assert 1 <= len(cut.context_ids) + cut.end - cut.start - 1 <= window
