"""The axes of the plots: which scores share one, and where on it a value lies."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PERCENT_MEASURES = ("bleu", "chrf", "ter")  # sacrebleu's scale, 0 to 100
UNBOUNDED_WORDS = ("perplexity", "ppl", "bits", "nll", "loss", "tokens", "seconds", "length", "grade")
_LEAST, _MOST = 1e-300, 1e300  # beyond these, arithmetic on an axis would leave the floats
_MARGIN = 4.0  # percent of the width left free at both ends, so that no marker is cut


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A stretch of the number line, with the values written along it."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def percent(self, value: float) -> str:
        """Where `value` lies, as an SVG length; values beyond an end lie on it."""
        share = (value - self.low) / (self.high - self.low)
        return f"{_MARGIN + min(max(share, 0.0), 1.0) * (100 - 2 * _MARGIN):.3f}%"


def scale_of(measure: str, numbers: Iterable[float]) -> str:
    """The name of the scale of a measure: "share", "percent", or the measure's own, as perplexities have.

    Args:
        numbers: its values and the ends of their intervals, in all runs.
    """
    name = measure.lower()
    numbers = list(numbers)
    if any(name.startswith(known) for known in PERCENT_MEASURES) and all(number >= 0 for number in numbers):
        return "percent"
    if any(word in name for word in UNBOUNDED_WORDS) or not all(0 <= number <= 1 for number in numbers):
        return f"own:{measure}"
    return "share"


def axis_of(scale: str, numbers: Sequence[float]) -> Axis:
    """The axis of a scale that `scale_of` named, wide enough for `numbers`."""
    if scale == "share":
        return Axis(low=0.0, high=1.0, ticks=(0.0, 0.25, 0.5, 0.75, 1.0))
    if scale == "percent":
        return _round_axis(0.0, max(100.0, *numbers))
    return _round_axis(min(numbers), max(numbers))


def difference_axis(numbers: Sequence[float]) -> Axis:
    """An axis with zero in its middle, wide enough for `numbers`."""
    reach = min(max(map(abs, numbers), default=0.0), _MOST)
    step = _round_step(reach if reach > _LEAST else 1.0)
    high = step * max(1, math.ceil(reach / step - 1e-9))
    return Axis(low=-high, high=high, ticks=(-high, -high / 2, 0.0, high / 2, high))


def _round_axis(low: float, high: float) -> Axis:
    """An axis between round numbers."""
    low, high = (min(max(end, -_MOST), _MOST) for end in (low, high))
    spread = high - low
    if not spread > max(abs(high) * 1e-9, _LEAST):
        spread = abs(high) if abs(high) > _LEAST else 1.0
        low, high = low - spread / 2, high + spread / 2
    step = _round_step(spread)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(step * idx for idx in range(first, last + 1))
    return Axis(low=ticks[0], high=ticks[-1], ticks=ticks)


def _round_step(spread: float) -> float:
    """1, 2 or 5 times a power of ten: at most about five of them make `spread`."""
    power = 10.0 ** math.floor(math.log10(spread / 4))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor * 4 >= spread * (1 - 1e-9))
