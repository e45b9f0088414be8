"""How long training takes here: a few of its batches are run, and the adapter is put back."""

import time
from collections.abc import Sequence

import torch

from runtime.training.data.order import shuffled_order
from runtime.training.data.packing import Packed
from runtime.training.dpo import DirectPreference
from runtime.training.forward import ForwardOptions, frozen_prefix
from runtime.training.objective import NextToken, Objective
from runtime.training.optimizer import AdapterOptimizer
from runtime.training.planner import Probe
from runtime.training.settings import TrainingSettings
from runtime.training.trainable import TrainableAdapter
from runtime.training.weights import FrozenDecoder

PROBE_SECONDS = 2.0
_SEED = 0


def probe_training(
    decoder: FrozenDecoder,
    adapter: TrainableAdapter,
    rows: Sequence[Packed],
    settings: TrainingSettings,
    objective: Objective | None = None,
    *,
    seconds: float = PROBE_SECONDS,
) -> Probe:
    """Time rows drawn from `rows` for about so long, at least one of them; `adapter` ends as it began.

    The shortest row is run first and not counted: products are set up then. What is done once a row, whatever the
    epochs, is done before the clock starts.

    Raises:
        ValueError: no row has anything to learn.
    """
    objective = objective or NextToken()
    usable = [idx for idx, row in enumerate(rows) if objective.num_units(row)]
    if not usable:
        raise ValueError("No token of the training rows is supervised, so there is nothing to learn from.")
    before = [tensor.detach().clone() for tensor in adapter.tensors()]
    optimizer = AdapterOptimizer(adapter, settings)
    options = ForwardOptions(dropout_seed=settings.seed, checkpoint_activations=settings.checkpoint_activations)

    def timed(row: Packed) -> float:
        prefix = frozen_prefix(decoder, adapter, row) if adapter.first_layer else None
        if isinstance(objective, DirectPreference):
            objective.reference(decoder, adapter, row, prefix)
        began = time.perf_counter()
        objective.summed(decoder, adapter, row, options, prefix=prefix).loss.backward()  # type: ignore[no-untyped-call]
        return time.perf_counter() - began

    try:
        adapter.begin_step()
        timed(rows[min(usable, key=lambda idx: len(rows[idx]))])
        update_seconds = _update_seconds(optimizer)
        chosen: list[int] = []
        total = 0.0
        for place in shuffled_order(len(usable), _SEED, "probe"):
            if chosen and total * (len(chosen) + 1) / len(chosen) > seconds:
                break  # the next would take longer than is left
            optimizer.zero_gradients()
            adapter.begin_step()
            total += timed(rows[usable[place]])
            chosen.append(usable[place])
    finally:
        optimizer.zero_gradients()
        with torch.no_grad():
            for tensor, values in zip(adapter.tensors(), before, strict=True):
                tensor.copy_(values)
        adapter.begin_step()
    return Probe(rows=tuple(chosen), seconds=total, update_seconds=update_seconds)


def _update_seconds(optimizer: AdapterOptimizer) -> float:
    """Of the second update: the first sets things up."""
    for _ in range(2):
        began = time.perf_counter()
        optimizer.scale_gradients_(1.0)
        optimizer.step(1e-6)
    return time.perf_counter() - began
