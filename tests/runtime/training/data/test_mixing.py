"""Splits and mixes: seeded, complete, and never the same example on both sides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.training.data.mixing import mix, split_validation
from runtime.training.data.order import shuffled_order


def itself(value: int) -> int:
    return value


@given(count=st.integers(0, 200), seed=st.integers(0, 10))
def test_an_order_has_every_index_once(count: int, seed: int) -> None:
    assert sorted(shuffled_order(count, seed, "epoch", 1)) == list(range(count))


def test_orders_are_fixed_for_all_time() -> None:
    assert shuffled_order(8, 0, "epoch", 1) == [2, 6, 7, 1, 4, 0, 5, 3]
    assert shuffled_order(8, 0, "epoch", 1) != shuffled_order(8, 0, "epoch", 2)
    assert shuffled_order(8, 0, "epoch", 1) != shuffled_order(8, 1, "epoch", 1)


def test_a_share_of_the_mix_comes_from_the_other_file() -> None:
    mixed = mix(range(90), [(range(1000, 1500), 0.1)], seed=3)
    others = [value for value in mixed if value >= 1000]
    assert sorted(value for value in mixed if value < 1000) == list(range(90))
    assert len(others) == len(set(others)) == 10
    assert mixed == mix(range(90), [(range(1000, 1500), 0.1)], seed=3)
    assert mixed != mix(range(90), [(range(1000, 1500), 0.1)], seed=4)


def test_two_files_have_each_their_share() -> None:
    mixed = mix(range(70), [(range(1000, 1500), 0.1), (range(2000, 2500), 0.2)], seed=0)
    assert [sum(low <= value < low + 1000 for value in mixed) for low in (0, 1000, 2000)] == [70, 10, 20]


def test_a_short_file_is_used_up_before_it_repeats() -> None:
    others = [value for value in mix(range(10), [((100, 101, 102), 0.5)], seed=0) if value >= 100]
    assert len(others) == 10
    assert {others.count(value) for value in (100, 101, 102)} == {3, 4}


@pytest.mark.parametrize("shares", [[0.0], [1.0], [-0.1], [0.6, 0.4], [float("nan")]])
def test_shares_that_leave_no_room_are_refused(shares: list[float]) -> None:
    with pytest.raises(ValueError, match="cannot be mixed in"):
        mix(range(10), [(range(5), share) for share in shares], seed=0)


def test_a_file_without_examples_cannot_be_mixed_in() -> None:
    with pytest.raises(ValueError, match="no examples"):
        mix(range(10), [((), 0.1)], seed=0)


@given(
    values=st.lists(st.integers(0, 20), min_size=2, max_size=80).filter(lambda v: len(set(v)) > 1),
    share=st.floats(0.01, 0.5),
    seed=st.integers(0, 5),
)
def test_equal_examples_are_on_one_side(values: list[int], share: float, seed: int) -> None:
    distinct = len(set(values))
    if max(1, round(distinct * share)) >= distinct:
        return
    train, validation = split_validation(values, share, seed=seed, key=itself)
    assert sorted(train + validation) == sorted(values)
    assert not set(train) & set(validation)
    assert len(set(validation)) == max(1, round(distinct * share))


def test_the_seed_decides_the_split() -> None:
    splits = [split_validation(range(100), 0.1, seed=seed, key=itself) for seed in (0, 0, 1)]
    assert splits[0] == splits[1] != splits[2]
    assert splits[0][0] == sorted(splits[0][0])


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, float("nan"), float("inf")])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="cannot be kept for validation"):
        split_validation(range(10), share, seed=0, key=itself)


def test_a_side_that_would_be_empty_is_refused() -> None:
    with pytest.raises(ValueError, match="1 distinct examples are too few"):
        split_validation([5, 5, 5], 0.5, seed=0, key=itself)
