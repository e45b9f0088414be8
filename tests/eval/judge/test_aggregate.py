"""What many verdicts come to, by hand; failures are counted and never make NaN."""

import pytest

from eval.judge import Preference, Rating, judge_figures
from eval.metrics import mean_figure

FAILED_RATING = Rating(grade=None, expected=None, failure="too long")
FAILED_PREFERENCE = Preference(winner=None, probability=None, failure="too long")


def rating(grade: int, expected: float) -> Rating:
    return Rating(grade=grade, expected=expected, confidence=0.5)


def test_ratings_give_the_mean_grade_and_the_share_that_failed() -> None:
    figures = judge_figures([rating(5, 4.5), rating(2, 2.5), FAILED_RATING, rating(2, 2.0)])
    assert list(figures) == ["grade", "expected_grade", "confidence", "failed"]
    assert (figures["grade"].value, figures["grade"].n) == (3.0, 3)
    assert figures["expected_grade"].value == 3.0
    assert (figures["failed"].value, figures["failed"].n) == (0.25, 4)
    interval = figures["grade"].interval
    assert interval is not None
    assert 2 <= interval[0] < 3 < interval[1] <= 5


def test_grades_that_were_written_have_no_confidence() -> None:
    assert "confidence" not in judge_figures([Rating(grade=3, expected=3.0)])


def test_preferences_give_the_win_rate_with_ties_as_halves_and_the_bias() -> None:
    verdicts = [
        Preference(winner="a", probability=0.8, a_first=0.9, a_second=0.7),
        Preference(winner="tie", probability=0.5, a_first=0.8, a_second=0.2),
        Preference(winner="b", probability=0.2, a_first=0.2, a_second=0.2),
        Preference(winner="a", probability=0.9, a_first=0.9, a_second=0.9),
        FAILED_PREFERENCE,
    ]
    figures = judge_figures(verdicts)
    assert list(figures) == ["win_rate", "probability", "tie_rate", "position_bias", "failed"]
    assert figures["win_rate"].value == 2.5 / 4
    assert figures["tie_rate"].value == 0.25
    assert figures["position_bias"].value == pytest.approx((0.1 + 0.3) / 4)
    assert (figures["failed"].value, figures["failed"].n) == (0.2, 5)


@pytest.mark.parametrize("failed", [FAILED_RATING, FAILED_PREFERENCE], ids=["ratings", "preferences"])
def test_where_all_failed_that_is_the_only_figure(failed: Rating) -> None:
    figures = judge_figures([failed, failed])
    assert {name: figure.value for name, figure in figures.items()} == {"failed": 1.0}


def test_clusters_widen_the_interval_of_verdicts_that_share_a_text() -> None:
    verdicts = [rating(grade, float(grade)) for grade in (1, 1, 1, 1, 5, 5, 5, 5)]
    alone = judge_figures(verdicts)["grade"].interval
    shared = judge_figures(verdicts, clusters=[0, 0, 0, 0, 1, 1, 1, 1])["grade"].interval
    assert alone is not None
    assert shared is not None
    assert shared[1] - shared[0] > alone[1] - alone[0]


def test_what_cannot_be_summed_up_is_refused() -> None:
    with pytest.raises(ValueError, match="no verdicts"):
        judge_figures([])
    with pytest.raises(TypeError, match="alone"):
        judge_figures([rating(1, 1.0), FAILED_PREFERENCE])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="2 verdicts and 1 clusters"):
        judge_figures([rating(1, 1.0), rating(2, 2.0)], clusters=[0])


@pytest.mark.parametrize(("grade", "wanted"), [(1, (1, 1 + 4 * 0.4899)), (5, (1 + 4 * 0.5101, 5))])
def test_grades_that_are_all_at_an_end_of_the_scale_are_not_certain_and_stay_on_it(
    grade: int, wanted: tuple[float, float]
) -> None:
    """Wilson's interval of 4 of 4 begins at 0.5101 of the way."""
    assert judge_figures([rating(grade, float(grade))] * 4)["grade"].interval == pytest.approx(wanted, abs=1e-3)


def test_the_interval_of_mixed_grades_is_that_of_their_mean() -> None:
    grades = [1, 3, 5, 4, 4, 2]
    shown = judge_figures([rating(grade, float(grade)) for grade in grades])["grade"]
    plain = mean_figure([float(grade) for grade in grades])
    assert shown.interval == pytest.approx(plain.interval)
    assert shown.standard_error == pytest.approx(plain.standard_error)
    assert shown.value == plain.value


def test_another_scale_is_kept_to() -> None:
    interval = judge_figures([Rating(grade=9, expected=9.0)] * 3, scale=(0, 9))["grade"].interval
    assert interval is not None
    assert 0 < interval[0] < interval[1] == 9
