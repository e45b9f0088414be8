"""Which scores share an axis, and where on it they lie."""

import pytest

from eval.reports.score_axis import axis_of, difference_axis, scale_of


@pytest.mark.parametrize(
    ("measure", "numbers", "scale"),
    [
        ("acc", [0.0, 0.3, 1.0], "share"),
        ("rougeL", [0.2], "share"),
        ("bleu", [0.4], "percent"),
        ("chrf++", [40.0], "percent"),
        ("ter", [130.0], "percent"),
        ("token_perplexity", [0.9], "own:token_perplexity"),
        ("bits_per_byte", [0.9], "own:bits_per_byte"),
        ("grade", [1.0], "own:grade"),
        ("reward", [-0.1, 0.5], "own:reward"),
    ],
)
def test_measures_are_put_where_they_compare(measure: str, numbers: list[float], scale: str) -> None:
    assert scale_of(measure, numbers) == scale


def test_shares_always_have_the_whole_axis() -> None:
    axis = axis_of("share", [0.01, 0.02])
    assert (axis.low, axis.high) == (0.0, 1.0)
    assert axis.percent(0.5) == "50.000%"


def test_percentages_beyond_100_fit() -> None:
    assert axis_of("percent", [20.0, 130.0]).high == 150.0


@pytest.mark.parametrize(
    "numbers",
    [[15.9, 16.2], [7.0], [0.0], [-3.0, -1.0], [1e-9, 2e-9], [1e299, 2e299], [0.1 + 0.2, 0.3], [-1e-320, 0.0]],
)
def test_an_own_axis_holds_its_numbers_between_round_ends(numbers: list[float]) -> None:
    axis = axis_of("own:x", numbers)
    slack = (axis.high - axis.low) * 1e-6
    assert axis.low <= min(numbers) + slack
    assert axis.high >= max(numbers) - slack
    assert 2 <= len(axis.ticks) <= 8
    assert list(axis.ticks) == sorted(axis.ticks)


@pytest.mark.parametrize("numbers", [[5e-324], [0.0, 5e-324], [-1.7e308, 1.7e308], [1.7e308]])
def test_numbers_at_the_edge_of_the_floats_still_lie_on_an_axis(numbers: list[float]) -> None:
    for axis in (axis_of("own:x", numbers), difference_axis(numbers)):
        assert axis.low < axis.high
        assert all(0 <= float(axis.percent(number).rstrip("%")) <= 100 for number in numbers)


@pytest.mark.parametrize("numbers", [[0.03, -0.01], [0.0], [], [-7.0, 2.0], [1e300]])
def test_a_difference_has_zero_in_the_middle(numbers: list[float]) -> None:
    axis = difference_axis(numbers)
    assert axis.low == -axis.high
    assert axis.percent(0.0) == "50.000%"
    assert all(axis.low <= number <= axis.high for number in numbers)
