"""Learning from preferences: the chosen answer is made likelier than the rejected one, measured against the base.

Direct preference optimisation, Rafailov et al., arXiv:2305.18290, eq. 7. The reference is the frozen model without its
adapter; it never changes, so it reads every pair once.
"""

import hashlib
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F

from runtime.config import ModelConfig
from runtime.training.data.packing import Packed
from runtime.training.forward import ForwardOptions, token_losses
from runtime.training.objective import Summed
from runtime.training.trainable import TrainableAdapter
from runtime.training.weights import FrozenDecoder


@dataclass(frozen=True, kw_only=True, eq=False)
class DirectPreference:
    """−log σ(m) of a pair, where m = β · (log π(c) − log ref(c) − log π(r) + log ref(r)): the margin of its rewards.

    An `Objective` over the rows of `pack_pairs`. It tells beside its loss "reward_accuracy", the share of pairs whose
    margin is above zero, and "reward_margin", its mean. At first the adapter changes nothing and the loss is log 2.

    Raises ValueError for values out of range.
    """

    beta: float = 0.1  # how dear it is to move away from the reference
    label_smoothing: float = 0.0  # share of the pairs that may be the wrong way round (Mitchell, cdpo.pdf, 2023)
    _references: "WeakKeyDictionary[FrozenDecoder, dict[bytes, torch.Tensor]]" = field(
        default_factory=WeakKeyDictionary, init=False, repr=False
    )  # what the bare model makes of pairs already seen, [2] each

    def __post_init__(self) -> None:
        if not 0 < self.beta < math.inf:
            raise ValueError(f"beta is {self.beta}; it must be a positive number.")
        if not 0 <= self.label_smoothing < 0.5:
            raise ValueError(
                f"label_smoothing is {self.label_smoothing}; it is a share of the pairs, from 0 to below 0.5."
            )

    def num_units(self, batch: Packed) -> int:
        """Its pairs. Raises ValueError where the sequences are no pairs."""
        num_sequences = len(batch.cu_seqlens) - 1
        if num_sequences % 2:
            raise ValueError(f"A row has {num_sequences} sequences, which are no pairs: pack pairs with pack_pairs.")
        return num_sequences // 2

    def summed(
        self,
        decoder: FrozenDecoder,
        adapter: TrainableAdapter | None,
        batch: Packed,
        options: ForwardOptions | None = None,
        *,
        prefix: torch.Tensor | None = None,
    ) -> Summed:
        """The losses of the pairs, and what is told beside them."""
        logprobs = _sequence_logprobs(token_losses(decoder, adapter, batch, options, prefix=prefix), batch)
        rewards = self.beta * (logprobs - self.reference(decoder, adapter, batch, prefix))
        margins = rewards[0::2] - rewards[1::2]
        right, wrong = F.logsigmoid(margins), F.logsigmoid(-margins)
        loss = -((1 - self.label_smoothing) * right + self.label_smoothing * wrong).sum()
        metrics = {
            "reward_accuracy": float((margins > 0).sum()),
            "reward_margin": float(margins.detach().sum()),
        }
        return Summed(loss, metrics)

    def worst_guess(self, decoder: FrozenDecoder) -> float:
        """Both answers alike."""
        return math.log(2)

    def spike_floor(self) -> float:
        """Where a run begins: later, one pair the wrong way round is many times the median, and no divergence."""
        return math.log(2)

    def description(self) -> str:
        """The settings."""
        return repr(self)

    def reference(
        self, decoder: FrozenDecoder, adapter: TrainableAdapter | None, batch: Packed, prefix: torch.Tensor | None
    ) -> torch.Tensor:
        """[2P] log-probabilities of the sequences under the bare model, worked out or kept from before.

        Every pair is read alone, so that it has the same bits whatever it is packed with and whenever it is first met:
        a resumed run works them out again.
        """
        kept = self._references.setdefault(decoder, {})
        bare = _Bare(adapter.first_layer) if adapter is not None and prefix is not None else None
        found = []
        for pair, rows in _pairs(batch):
            key = _digest(pair) + bytes([bare is not None])
            if key not in kept:
                with torch.no_grad():
                    part = prefix[rows] if bare is not None and prefix is not None else None
                    kept[key] = _sequence_logprobs(token_losses(decoder, bare, pair, prefix=part), pair)
            found.append(kept[key])
        return torch.cat(found)


class _Bare(TrainableAdapter):
    """Changes nothing, from the layer on at which hidden states were kept."""

    def __init__(self, first_layer: int) -> None:
        self.first_layer = first_layer

    def named_tensors(self) -> dict[str, torch.Tensor]:
        """None."""
        return {}

    def description(self) -> str:
        """Nothing."""
        return ""

    def default_learning_rate(self, config: ModelConfig) -> float:
        """There is nothing to learn."""
        return 0.0


def _sequence_logprobs(losses: torch.Tensor, packed: Packed) -> torch.Tensor:
    """[B] log p of the supervised tokens of each sequence, from the losses of all of them in turn."""
    counts = [int(packed.is_supervised[start:end].sum()) for start, end in itertools.pairwise(packed.cu_seqlens)]
    parts: tuple[torch.Tensor, ...] = torch.split(losses, counts)
    return -torch.stack([part.sum() for part in parts])


def _pairs(batch: Packed) -> Iterator[tuple[Packed, slice]]:
    """Each pair as a row of its own, and where it lies."""
    starts = batch.cu_seqlens[0::2].tolist()
    for number, (start, end) in enumerate(itertools.pairwise(starts)):
        rows = slice(start, end)
        cu_seqlens = batch.cu_seqlens[2 * number : 2 * number + 3] - start
        yield (
            Packed(input_ids=batch.input_ids[rows], is_supervised=batch.is_supervised[rows], cu_seqlens=cu_seqlens),
            rows,
        )


def _digest(packed: Packed) -> bytes:
    whole = hashlib.sha256(packed.cu_seqlens.tobytes())
    whole.update(packed.input_ids.tobytes())
    whole.update(packed.is_supervised.tobytes())
    return whole.digest()
