"""Measures of all samples together, from what each sample adds: so that two runs can be compared by drawing samples.

Every one is a function of the ratio of two sums. The names of measures and of what a sample adds are those of the tasks
that have them.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eval.metrics.bootstrap import Measure

Values = Mapping[str, float]  # of one sample


@dataclass(frozen=True)
class MeasureOfSums:
    """What a sample adds above and below the line, and what is made of the ratio."""

    above: Callable[[Values], float]
    below: Callable[[Values], float]
    of_ratio: Callable[[np.ndarray], np.ndarray]

    def rows(self, values: Sequence[Values]) -> np.ndarray:
        """[n, 2]. Raises KeyError where a sample does not have what is needed."""
        return np.array([[self.above(of_one), self.below(of_one)] for of_one in values], np.float64)

    @property
    def measure(self) -> Measure:
        """Sums [m, 2] → values [m]."""
        return lambda sums: self.of_ratio(sums[:, 0] / sums[:, 1])


_BITS = MeasureOfSums(lambda v: v["loss"], lambda v: v["num_bytes"], lambda ratio: ratio / math.log(2))
_PER_WINDOW = MeasureOfSums(lambda v: v["loss"] / v["num_tokens"] * v["weight"], lambda v: v["weight"], np.exp)
_PER_TEXT = MeasureOfSums(lambda v: v["loss"], lambda v: 1.0, np.exp)
_PER_WORD = MeasureOfSums(lambda v: v["loss"], lambda v: v["num_words"], np.exp)
_PER_BYTE = MeasureOfSums(lambda v: v["loss"], lambda v: v["num_bytes"], np.exp)


def measure_of_sums(name: str, values: Values) -> MeasureOfSums | None:
    """How the measure `name` is made of what samples add; None where that is not known.

    Args:
        values: of one sample, whose names tell what kind of task it is.
    """
    if name == "perplexity":
        return _PER_WINDOW if "weight" in values else _PER_TEXT
    return {"bits_per_byte": _BITS, "word_perplexity": _PER_WORD, "byte_perplexity": _PER_BYTE}.get(name)
