"""Examples laid end to end, so that no step computes padding.

Every example keeps to itself: attention is block-diagonal over `cu_seqlens` and positions restart at each of them, so
an example has the same loss packed as alone.
"""

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from runtime.training.data.example import PreferencePair, TokenExample
from runtime.training.data.order import shuffled_order


@dataclass(frozen=True, kw_only=True, eq=False)
class Packed:
    """B examples in one row of n tokens; example b is `cu_seqlens[b]` to `cu_seqlens[b + 1]`."""

    input_ids: np.ndarray  # [n] int32
    is_supervised: np.ndarray  # [n] bool; never at the start of an example
    cu_seqlens: np.ndarray  # [B+1] int32, from 0 to n

    def __len__(self) -> int:
        return len(self.input_ids)

    @property
    def position_ids(self) -> np.ndarray:
        """[n] int32: the place of each token in its own example."""
        starts: np.ndarray = np.repeat(self.cu_seqlens[:-1], np.diff(self.cu_seqlens))
        places: np.ndarray = np.arange(len(self.input_ids), dtype=np.int32) - starts
        return places

    @property
    def num_supervised(self) -> int:
        """How many tokens are targets."""
        return int(self.is_supervised.sum())


def pack(examples: Sequence[TokenExample], max_len: int) -> list[Packed]:
    """Every example once, in few rows of at most `max_len` tokens; no example is cut.

    Best fit decreasing: from the longest to the shortest, each goes to the fullest row that still has room, which
    takes at most about 11/9 of the fewest rows possible. The rows come out the same for the same examples.

    Raises:
        ValueError: an example is longer than a row.

    Source: Johnson, Near-optimal bin packing algorithms, MIT 1973.
    """
    _check_fit(examples, max_len)
    rows = _best_fit([len(example) for example in examples], max_len)
    return [join(examples[idx] for idx in row) for row in rows]


def pack_pairs(pairs: Sequence[PreferencePair], max_len: int) -> list[Packed]:
    """Every pair once, packed as by `pack`: sequences 0, 2, … of a row are chosen, each followed by the rejected one.

    A pair stays together, so one with two long answers may take more than `max_len` tokens: it has a row of its own,
    of up to twice as many where no sequence is longer than `max_len`.
    """
    rows = _best_fit([len(pair.chosen) + len(pair.rejected) for pair in pairs], max_len)
    return [join(side for idx in row for side in (pairs[idx].chosen, pairs[idx].rejected)) for row in rows]


def batch_by_length(examples: Sequence[TokenExample], max_tokens: int, *, seed: int) -> list[Packed]:
    """Every example once, in rows of examples of like length; the order of the rows is drawn by `seed`.

    Attention over a row takes the time of its longest example, so like goes with like.

    Raises:
        ValueError: an example is longer than `max_tokens`.
    """
    _check_fit(examples, max_tokens)
    rows: list[list[int]] = []
    left = 0
    for idx in sorted(range(len(examples)), key=lambda i: -len(examples[i])):
        if len(examples[idx]) > left:
            rows.append([])
            left = max_tokens
        rows[-1].append(idx)
        left -= len(examples[idx])
    return [join(examples[idx] for idx in rows[at]) for at in shuffled_order(len(rows), seed, "rows")]


def join(examples: Iterable[TokenExample]) -> Packed:
    """These examples in one row, in this order. There is at least one."""
    given = list(examples)
    ends = np.cumsum([len(example) for example in given])
    return Packed(
        input_ids=np.concatenate([example.input_ids for example in given]),
        is_supervised=np.concatenate([example.is_supervised for example in given]),
        cu_seqlens=np.array([0, *ends], np.int32),
    )


def _best_fit(lengths: Sequence[int], max_len: int) -> list[list[int]]:
    """Which go together, by index; what is longer than a row stays alone."""
    rows: list[list[int]] = []
    room: list[tuple[int, int]] = []  # (tokens left, row), sorted
    for idx in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        at = bisect.bisect_left(room, (lengths[idx], -1))
        left, row = room.pop(at) if at < len(room) else (max_len, len(rows))
        if row == len(rows):
            rows.append([])
        rows[row].append(idx)
        bisect.insort(room, (left - lengths[idx], row))
    return rows


def _check_fit(examples: Sequence[TokenExample], max_len: int) -> None:
    longest = max(examples, key=len, default=None)
    if longest is not None and len(longest) > max_len:
        raise ValueError(
            f"Line {longest.line_number} of {longest.source} has {len(longest)} tokens and a row {max_len}: "
            "allow longer rows, or leave out or cut long examples."
        )
