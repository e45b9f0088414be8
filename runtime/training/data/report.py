"""What a file of examples is, counted: what is trained on, what is left out and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from runtime.training.data.example import PreferencePair, SkippedLine, TokenExample


@dataclass(frozen=True, kw_only=True)
class LengthStatistics:
    """Lengths in tokens; `median` and `p90` are lengths that occur."""

    shortest: int
    median: int
    p90: int
    longest: int
    mean: float


@dataclass(frozen=True, kw_only=True)
class EncodedLine:
    """A line as what is trained on: its sequences, which of a preference are those of its pair."""

    line_number: int
    sequences: tuple[TokenExample, ...]
    pair: PreferencePair | None
    digest: bytes  # equal for lines with equal ids and masks


@dataclass(frozen=True, kw_only=True)
class DatasetReport:
    """One file. Every line of it that is not blank is in `num_lines`, `bad` or `too_long`."""

    path: Path
    format: str
    num_lines: int  # that are trained on
    num_sequences: int
    num_rewritten: int  # lines that are several sequences, since the template rewrites earlier answers
    num_tokens: int
    num_supervised: int
    lengths: LengthStatistics | None  # of the sequences; None where there is none
    bad: tuple[SkippedLine, ...]  # lines at fault
    too_long: tuple[SkippedLine, ...]  # left out by the policy
    num_truncated: int  # cut by the policy
    duplicates: tuple[tuple[int, int], ...]  # (line, the earlier line that it equals)
    ignored_keys: tuple[str, ...]


def length_statistics(lengths: Sequence[int]) -> LengthStatistics | None:
    """Of at least one length; else None."""
    if not lengths:
        return None
    ordered = np.sort(np.asarray(lengths))
    return LengthStatistics(
        shortest=int(ordered[0]),
        median=int(ordered[(len(ordered) - 1) // 2]),
        p90=int(ordered[-(-9 * len(ordered) // 10) - 1]),
        longest=int(ordered[-1]),
        mean=float(ordered.mean()),
    )


def find_duplicates(lines: Sequence[EncodedLine]) -> tuple[tuple[int, int], ...]:
    """(line, earlier line that gives the same ids with the same targets)."""
    first: dict[bytes, int] = {}
    return tuple(
        (line.line_number, earlier)
        for line in lines
        if (earlier := first.setdefault(line.digest, line.line_number)) != line.line_number
    )
