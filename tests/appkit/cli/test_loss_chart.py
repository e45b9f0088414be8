"""The curve in characters: where it goes, what it is labelled, and how wide it is."""

import pytest

from appkit.cli.columns import columns
from appkit.cli.loss_chart import EVALUATION, loss_chart

RISING = [float(step) for step in range(1, 101)]


def dots(line: str) -> int:
    """Braille dots of a line."""
    return sum((ord(char) - 0x2800).bit_count() for char in line if 0x2800 <= ord(char) < 0x2900)


def test_a_line_goes_from_corner_to_corner() -> None:
    lines = loss_chart(RISING, [], width=40, height=10)
    assert len(lines) == 12
    curve = [line.split("|")[1] for line in lines[:10]]
    starts = [len(row) - len(row.lstrip()) for row in curve]
    assert starts == sorted(starts, reverse=True)  # the higher, the further to the right
    assert starts[-1] == 0 and len(curve[0]) == 40 - 9
    assert all(dots(row) >= 4 for row in curve)  # no gaps between rows


def test_labels_are_the_highest_the_middle_and_the_lowest_loss() -> None:
    lines = loss_chart([4.0, 3.0, 2.0], [], width=40, height=9)
    assert [lines[0][:8].strip(), lines[4][:8].strip(), lines[8][:8].strip()] == ["4", "3", "2"]
    assert lines[-1].split() == ["0", "3"]


def test_evaluations_stand_where_they_were_made() -> None:
    lines = loss_chart([2.0] * 50 + [1.0] * 50, [(0, 2.0), (100, 1.0)], width=60, height=8)
    assert lines[0].split("|")[1].startswith(EVALUATION)
    assert lines[7].split("|")[1].endswith(EVALUATION)
    assert len(lines[7]) == 60


@pytest.mark.parametrize("losses", [[2.0, 2.0], [0.0, 1e-9], [1e9, 1.0, 3.25e-7] * 100, RISING * 50])
@pytest.mark.parametrize("width", [20, 72])
def test_no_line_is_wider_than_asked(losses: list[float], width: int) -> None:
    lines = loss_chart(losses, [(0, 2.0)], width=width)
    assert max(map(columns, lines)) <= width


@pytest.mark.parametrize("low", [0.0, 0.00142, 3.25e-7, 1234.5678, 1e-20])
def test_the_curve_begins_in_one_column_whatever_the_losses(low: float) -> None:
    lines = loss_chart([low + 1, low, low], [(1, low)], width=40)
    assert {line.index("|") for line in lines[:-2]} == {8}
    assert lines[-2].index("+") == 8


@pytest.mark.parametrize("losses", [[], [1.0]])
def test_a_curve_takes_two_steps(losses: list[float]) -> None:
    assert loss_chart(losses, []) == []
