"""Rows of virtual tokens in front of every sequence of a pack, put in and taken out again.

Virtual tokens have the first positions of every sequence, and its own tokens the ones after.
"""

import itertools

import numpy as np
import torch


class VirtualRows:
    """Where they lie in a pack of B sequences, T tokens, with P virtual tokens each."""

    def __init__(self, cu_seqlens: np.ndarray, num_tokens: int) -> None:
        self.num_tokens = num_tokens
        self._bounds: list[tuple[int, int]] = list(itertools.pairwise(cu_seqlens.tolist()))
        num_sequences = len(self._bounds)
        self.cu_seqlens = cu_seqlens + num_tokens * np.arange(num_sequences + 1, dtype=np.int32)  # virtual included
        owners = np.repeat(np.arange(num_sequences), np.diff(cu_seqlens))
        self._own = torch.from_numpy(np.arange(len(owners)) + num_tokens * (owners + 1))

    def position_ids(self) -> np.ndarray:
        """[T + B·P] int32: the place of every row in its sequence, virtual ones included."""
        places: np.ndarray = np.concatenate(
            [np.arange(end - start, dtype=np.int32) for start, end in itertools.pairwise(self.cu_seqlens.tolist())]
        )
        return places

    def put(self, x: torch.Tensor, front: torch.Tensor) -> torch.Tensor:
        """x [T, …] with `front` [P, …] before every sequence, in the dtype of x: [T + B·P, …].

        Each sequence has a copy of its own, so that their gradients are added in the dtype of `front`.
        """
        return torch.cat([part for start, end in self._bounds for part in (front.to(x.dtype), x[start:end])])

    def take_out(self, x: torch.Tensor) -> torch.Tensor:
        """x [T + B·P, …] without the virtual rows: [T, …]."""
        return x.index_select(0, self._own)
