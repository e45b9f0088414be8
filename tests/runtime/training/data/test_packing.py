"""Packing keeps every token once, every example whole, and rows full."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.training.data.example import PreferencePair, TokenExample
from runtime.training.data.packing import Packed, batch_by_length, join, pack, pack_pairs

MAX_LEN = 32


def example(length: int, first: int = 0) -> TokenExample:
    """Ids that count up from `first`; the last token is learnt."""
    mask = np.zeros(length, np.bool_)
    mask[-1] = True
    ids = np.arange(first, first + length, dtype=np.int32)
    return TokenExample(input_ids=ids, is_supervised=mask, line_number=1, source="a.jsonl")


def parts(rows: list[Packed]) -> list[tuple[list[int], list[bool]]]:
    return [
        (row.input_ids[start:end].tolist(), row.is_supervised[start:end].tolist())
        for row in rows
        for start, end in zip(row.cu_seqlens[:-1], row.cu_seqlens[1:], strict=True)
    ]


@given(lengths=st.lists(st.integers(2, MAX_LEN), max_size=60), seed=st.integers(0, 3), by_length=st.booleans())
def test_every_example_is_in_the_rows_once_and_whole(lengths: list[int], seed: int, by_length: bool) -> None:
    examples = [example(length, first=1000 * i) for i, length in enumerate(lengths)]
    rows = batch_by_length(examples, MAX_LEN, seed=seed) if by_length else pack(examples, MAX_LEN)
    assert sorted(parts(rows)) == sorted((e.input_ids.tolist(), e.is_supervised.tolist()) for e in examples)
    assert all(len(row) <= MAX_LEN for row in rows)
    assert sum(row.num_supervised for row in rows) == len(examples)


@given(lengths=st.lists(st.integers(2, MAX_LEN), min_size=1, max_size=60))
def test_no_two_rows_would_fit_in_one(lengths: list[int]) -> None:
    rows = sorted(len(row) for row in pack([example(length) for length in lengths], MAX_LEN))
    assert len(rows) < 2 or rows[0] + rows[1] > MAX_LEN


def test_best_fit_decreasing_by_hand() -> None:
    rows = pack([example(length) for length in (3, 5, 7, 2, 4)], 10)
    # 7; 5 opens another; 4 fits beside 5 (1 left); 3 fills 7; 2 fits nowhere
    assert [np.diff(row.cu_seqlens).tolist() for row in rows] == [[7, 3], [5, 4], [2]]


def test_positions_restart_and_nothing_is_learnt_at_a_start() -> None:
    row = join([example(3), example(2)])
    assert row.cu_seqlens.tolist() == [0, 3, 5]
    assert row.position_ids.tolist() == [0, 1, 2, 0, 1]
    assert (row.input_ids.dtype, row.cu_seqlens.dtype, row.position_ids.dtype) == (np.int32, np.int32, np.int32)
    assert not row.is_supervised[row.cu_seqlens[:-1]].any()


def test_like_lengths_share_a_row_in_an_order_of_the_seed() -> None:
    examples = [example(length) for length in (2, 9, 3, 8, 2, 7, 20, 4)]
    orders = [
        tuple(tuple(np.diff(row.cu_seqlens).tolist()) for row in batch_by_length(examples, 20, seed=seed))
        for seed in range(8)
    ]
    assert {frozenset(order) for order in orders} == {frozenset([(20,), (9, 8), (7, 4, 3, 2, 2)])}
    assert len(set(orders)) > 1


@pytest.mark.parametrize("make", [lambda e: pack(e, 4), lambda e: batch_by_length(e, 4, seed=0)])
def test_an_example_longer_than_a_row_is_named(make: object) -> None:
    with pytest.raises(ValueError, match=r"Line 1 of a\.jsonl has 5 tokens and a row 4"):
        make([example(5)])  # type: ignore[operator]


def pair_of(chosen: int, rejected: int, first: int = 0) -> PreferencePair:
    return PreferencePair(chosen=example(chosen, first), rejected=example(rejected, first + 500))


@given(lengths=st.lists(st.tuples(st.integers(2, MAX_LEN), st.integers(2, MAX_LEN)), max_size=40))
def test_pairs_stay_together_chosen_first(lengths: list[tuple[int, int]]) -> None:
    pairs = [pair_of(*both, first=1000 * i) for i, both in enumerate(lengths)]
    rows = pack_pairs(pairs, MAX_LEN)
    sequences = parts(rows)
    found = sorted(zip(sequences[0::2], sequences[1::2], strict=True))
    expected = ([(e.input_ids.tolist(), e.is_supervised.tolist()) for e in (p.chosen, p.rejected)] for p in pairs)
    assert found == sorted(map(tuple, expected))
    assert all(len(row) <= MAX_LEN or len(row.cu_seqlens) == 3 for row in rows)


def test_a_pair_longer_than_a_row_has_one_of_its_own() -> None:
    rows = pack_pairs([pair_of(3, 2), pair_of(9, 8), pair_of(2, 2)], 10)
    assert [np.diff(row.cu_seqlens).tolist() for row in rows] == [[9, 8], [3, 2, 2, 2]]
