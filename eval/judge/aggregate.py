"""`judge_figures`: what many verdicts come to. Verdicts that failed are counted, beside the rest."""

from collections.abc import Hashable, Sequence
from dataclasses import replace

from eval.judge.preference import Preference
from eval.judge.rating import DEFAULT_SCALE, Rating
from eval.metrics import Figure, mean_figure

WIN_VALUE = {"a": 1.0, "tie": 0.5, "b": 0.0}


def judge_figures(
    verdicts: Sequence[Rating] | Sequence[Preference],
    *,
    scale: tuple[int, int] = DEFAULT_SCALE,
    clusters: Sequence[Hashable] | None = None,
) -> dict[str, Figure]:
    """The figures of a set of ratings or of preferences, the important one first and "failed" always.

    Of ratings: "grade" and "expected_grade", means over those that have one, and "confidence". Of preferences:
    "win_rate" of a, a tie counting half; "probability" that a is better; "tie_rate", which is how often the place
    decided; "position_bias", see `Preference`. "failed" is the share without a verdict; where it is 1, it stands alone.

    Args:
        scale: of the ratings, as `rate` was given it.
        clusters: of each verdict, what its sample shares with others.

    Raises:
        ValueError: there are none, or not one cluster for each.
        TypeError: ratings and preferences are mixed.
    """
    if not verdicts:
        raise ValueError("There are no verdicts, so there is nothing to say of them.")
    if clusters is not None and len(clusters) != len(verdicts):
        raise ValueError(f"There are {len(verdicts)} verdicts and {len(clusters)} clusters; give one for each.")
    values: dict[str, list[float | None]]
    ratings = [each for each in verdicts if isinstance(each, Rating)]
    preferences = [each for each in verdicts if isinstance(each, Preference)]
    if len(ratings) == len(verdicts):
        values = _rating_values(ratings)
    elif len(preferences) == len(verdicts):
        values = _preference_values(preferences)
    else:
        raise TypeError("Give ratings alone or preferences alone: their figures have nothing in common.")
    values["failed"] = [1.0 if each.failure else 0.0 for each in verdicts]
    figures = {name: _mean(column, scale if "grade" in name else (0, 1), clusters) for name, column in values.items()}
    return {name: figure for name, figure in figures.items() if figure is not None}


def grade_figure(
    grades: Sequence[float], scale: tuple[int, int], *, clusters: Sequence[Hashable] | None = None
) -> Figure:
    """The mean grade, whose interval stays on the scale.

    Grades are measured as shares of the way from the lowest to the highest. So where all are the lowest, or all the
    highest, the interval is still as wide as so few samples make it.

    Raises:
        ValueError: there are none, or not one cluster for each.
    """
    low, span = scale[0], scale[1] - scale[0]
    share = mean_figure([(grade - low) / span for grade in grades], clusters=clusters)
    return replace(
        share,
        value=sum(grades) / len(grades),
        interval=share.interval and (low + share.interval[0] * span, low + share.interval[1] * span),
        standard_error=None if share.standard_error is None else share.standard_error * span,
    )


def _rating_values(ratings: Sequence[Rating]) -> dict[str, list[float | None]]:
    return {
        "grade": [each.grade for each in ratings],
        "expected_grade": [each.expected for each in ratings],
        "confidence": [each.confidence for each in ratings],
    }


def _preference_values(preferences: Sequence[Preference]) -> dict[str, list[float | None]]:
    return {
        "win_rate": [None if each.winner is None else WIN_VALUE[each.winner] for each in preferences],
        "probability": [each.probability for each in preferences],
        "tie_rate": [None if each.winner is None else float(not each.agreed) for each in preferences],
        "position_bias": [each.position_bias for each in preferences],
    }


def _mean(column: Sequence[float | None], scale: tuple[int, int], clusters: Sequence[Hashable] | None) -> Figure | None:
    """Over those that have a value; None where none has."""
    kept = [(value, idx) for idx, value in enumerate(column) if value is not None]
    if not kept:
        return None
    chosen = None if clusters is None else [clusters[idx] for _, idx in kept]
    return grade_figure([value for value, _ in kept], scale, clusters=chosen)
