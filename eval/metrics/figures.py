"""`Figure`: a measured value and how sure it is. Every measure of a set of samples gives one."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A value, and the interval that other samples of the same kind would likely put it in.

    `interval` and `standard_error` are None where nothing can be said, which `method` explains: a single sample has no
    spread. The interval of a percentile bootstrap need not hold `value` itself where a measure is skewed.
    """

    value: float
    interval: tuple[float, float] | None
    n: int  # samples
    method: str  # how the interval was made
    standard_error: float | None = None
    confidence: float = 0.95

    def __post_init__(self) -> None:
        numbers = (self.value, *(self.interval or ()), self.standard_error or 0.0)
        if not all(map(math.isfinite, numbers)):
            raise ValueError(f"A figure must be finite; value, interval and standard error are {numbers}.")
        if self.n < 1:
            raise ValueError(f"A figure of {self.n} samples says nothing; give 1 at least.")
        if self.interval and self.interval[0] > self.interval[1]:
            raise ValueError(f"The interval {self.interval} ends before it begins.")

    def __str__(self) -> str:
        if self.interval is None:
            return f"{self.value:.4g} (n={self.n}; {self.method})"
        low, high = self.interval
        return f"{self.value:.4g} [{low:.4g}, {high:.4g}] (n={self.n})"
