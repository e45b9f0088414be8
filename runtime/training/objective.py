"""What a run makes small: the loss of a batch, as a sum over the units it is weighted by."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import torch

from runtime.training.data.packing import Packed
from runtime.training.forward import ForwardOptions, summed_loss
from runtime.training.trainable import TrainableAdapter
from runtime.training.weights import FrozenDecoder


@dataclass(frozen=True, eq=False)
class Summed:
    """Sums over the units of a batch."""

    loss: torch.Tensor  # a float32 scalar with gradients for the adapter
    metrics: Mapping[str, float] = field(default_factory=dict)  # what is told beside the loss


class Objective(Protocol):
    """A step's loss is the sum of its batches' losses by the sum of their units, however they are packed and split."""

    def num_units(self, batch: Packed) -> int:
        """What a batch counts for; a batch of none is passed over."""
        ...

    def summed(
        self,
        decoder: FrozenDecoder,
        adapter: TrainableAdapter | None,
        batch: Packed,
        options: ForwardOptions | None = None,
        *,
        prefix: torch.Tensor | None = None,
    ) -> Summed:
        """Run the decoder over a batch. `prefix` is what `frozen_prefix` gave for it, if it was kept."""
        ...

    def worst_guess(self, decoder: FrozenDecoder) -> float:
        """The loss of a unit where nothing is known: what a single step must pass to count as diverging."""
        ...

    def spike_floor(self) -> float:
        """What the median of the last losses counts as where it is lower: a multiple of next to nothing is no spike."""
        ...

    def description(self) -> str:
        """All that decides what is learned; a run goes on only with the same."""
        ...


class NextToken:
    """−log p(token | the tokens before it), nats a supervised token."""

    def num_units(self, batch: Packed) -> int:
        """Its supervised tokens."""
        return batch.num_supervised

    def summed(
        self,
        decoder: FrozenDecoder,
        adapter: TrainableAdapter | None,
        batch: Packed,
        options: ForwardOptions | None = None,
        *,
        prefix: torch.Tensor | None = None,
    ) -> Summed:
        """The loss alone."""
        return Summed(summed_loss(decoder, adapter, batch, options, prefix=prefix))

    def worst_guess(self, decoder: FrozenDecoder) -> float:
        """Every token of the vocabulary alike."""
        return math.log(decoder.config.vocab_size)

    def spike_floor(self) -> float:
        """One nat. Where answers are short and nearly known, losses lie far below and differ by any factor."""
        return 1.0

    def description(self) -> str:
        """There is nothing to choose."""
        return "next token"
