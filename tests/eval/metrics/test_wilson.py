"""The Wilson interval against values worked out by hand, and at its edges."""

import pytest

from eval.metrics.wilson import wilson_interval


def test_the_interval_is_that_of_the_formula() -> None:
    low, high = wilson_interval(2, 100)
    assert (low, high) == (pytest.approx(0.00550, abs=1e-5), pytest.approx(0.07001, abs=1e-5))


def test_with_z_of_one_it_can_be_worked_out_by_hand() -> None:
    # share 1/2 of 4: centre 0.5 + 1/8, spread sqrt(1/16 + 1/64), both over 1 + 1/4
    low, high = wilson_interval(2, 4, z=1.0)
    assert (low, high) == (pytest.approx(0.5 - 0.2236068), pytest.approx(0.5 + 0.2236068))


def test_none_and_all_end_at_zero_and_one() -> None:
    for num_all in range(1, 50):
        assert wilson_interval(0, num_all)[0] == 0.0  # rounding would leave 4.9e-17 of 3
        assert wilson_interval(num_all, num_all)[1] == 1.0


@pytest.mark.parametrize(("num_right", "num_all"), [(0, 0), (3, 2), (-1, 5)])
def test_what_is_no_share_is_refused(num_right: int, num_all: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        wilson_interval(num_right, num_all)
