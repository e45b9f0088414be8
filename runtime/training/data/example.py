"""What is trained on: token ids, and which of them the model learns to write."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class TokenExample:
    """One sequence. Token i is a target where `is_supervised[i]`: predicted from the ids before it.

    The first token is never a target, since nothing comes before it.
    """

    input_ids: np.ndarray  # [n] int32
    is_supervised: np.ndarray  # [n] bool
    line_number: int  # of the line it came from
    source: str  # name of the file
    is_truncated: bool = False  # cut to the longest length allowed

    def __post_init__(self) -> None:
        assert self.input_ids.dtype == np.int32, self.input_ids.dtype
        assert self.is_supervised.dtype == np.bool_, self.is_supervised.dtype
        assert self.input_ids.shape == self.is_supervised.shape == (len(self.input_ids),)
        assert len(self.input_ids) > 1, self.input_ids
        assert self.is_supervised.any(), f"{self.source}:{self.line_number}"
        assert not self.is_supervised[0], f"{self.source}:{self.line_number}"

    def __len__(self) -> int:
        return len(self.input_ids)

    @property
    def num_supervised(self) -> int:
        """How many tokens are targets."""
        return int(self.is_supervised.sum())


@dataclass(frozen=True, kw_only=True, eq=False)
class PreferencePair:
    """Two answers to one prompt, the first the better one. Only the answers are targets."""

    chosen: TokenExample
    rejected: TokenExample

    @property
    def line_number(self) -> int:
        """Of the line it came from."""
        return self.chosen.line_number


@dataclass(frozen=True, kw_only=True)
class SkippedLine:
    """A line that is not trained on, and why."""

    line_number: int
    reason: str
    is_too_long: bool = False  # left out by the policy for long examples; else the line is at fault
