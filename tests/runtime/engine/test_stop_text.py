"""Stop strings over text that comes in pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.engine.stop_text import StopText


def run(pieces: list[str], stops: list[str]) -> tuple[list[str], bool]:
    stop_text = StopText(stops)
    shown = [stop_text.push(piece) for piece in pieces]
    if not stop_text.is_stopped:
        shown.append(stop_text.flush())
    return shown, stop_text.is_stopped


def test_text_that_may_become_a_stop_waits() -> None:
    assert run(["one\n", "\nU", "ser:", " x"], ["\n\nUser:"]) == (["one", "", "", ""], True)


def test_text_that_can_no_longer_become_a_stop_is_shown() -> None:
    assert run(["a<", "b<", "/", "c"], ["</s>"]) == (["a", "<b", "", "</c", ""], False)


def test_what_waits_at_the_end_is_flushed() -> None:
    assert run(["end<"], ["</s>"]) == (["end", "<"], False)


def test_the_stop_that_is_complete_first_counts() -> None:
    assert run(["xabcd"], ["abcd", "bc"]) == (["xa"], True)


def test_of_two_stops_that_end_together_the_longer_counts() -> None:
    assert run(["xabc"], ["c", "abc"]) == (["x"], True)


@pytest.mark.parametrize("stops", [[], ["zzz"]])
def test_without_a_stop_everything_is_shown(stops: list[str]) -> None:
    shown, is_stopped = run(["你", "好"], stops)
    assert ("".join(shown), is_stopped) == ("你好", False)


@given(st.lists(st.text("ab", max_size=4), max_size=6), st.lists(st.text("ab", min_size=1, max_size=4), max_size=3))
def test_the_division_of_the_text_changes_nothing(pieces: list[str], stops: list[str]) -> None:
    whole, whole_stopped = run(["".join(pieces)], stops)
    shown, is_stopped = run(pieces, stops)
    assert ("".join(shown), is_stopped) == ("".join(whole), whole_stopped)
    assert not any(stop in "".join(shown) for stop in stops)
