"""What a run will take: memory by what it is for, work, time, and what to change where it does not fit.

Formulas alone; the time follows from a few batches that `probe_training` timed. Nothing here needs torch.
"""

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from runtime.loaders.memory import available_memory_bytes
from runtime.training.compute_cost import below_flops, forward_flops, full_flops, step_flops
from runtime.training.data.packing import Packed
from runtime.training.memory_cost import PREFIX_BYTES, MemoryOptions, Part, full_tuning_bytes, memory_parts
from runtime.training.settings import TrainingSettings
from runtime.training.shapes import AdapterShape, BatchShape, ModelShape, batch_shape

ChangeKind = Literal["batch_tokens", "checkpoint_activations", "keep_quantized", "last_layers", "rank"]
_LEAST_BATCH_TOKENS = 64


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Batches that were run, by the indices of their rows, and how long they took."""

    rows: tuple[int, ...]
    seconds: float  # forward and back, of all of them
    update_seconds: float  # of one update of the adapter


@dataclass(frozen=True, kw_only=True)
class PlannedChange:
    """A way to less memory."""

    kind: ChangeKind
    value: int | None  # what the option would be; None for one that is on or off
    peak_bytes: int  # with this change alone
    peak_bytes_with_earlier: int  # with those before it too
    num_longer: int = 0  # sequences that a batch of this size has no room for


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """What a run comes to. Sizes in bytes, work in floating-point operations."""

    num_steps: int
    num_rows: int
    num_tokens: int  # of the whole run
    largest_batch: BatchShape
    num_parameters: int  # trained
    num_model_parameters: int
    memory: Mapping[Part, int]
    available_bytes: int | None  # None where the system does not say
    flops: int
    full_flops: int  # of training all weights on the same data
    full_bytes: int  # of all weights, gradients and moments in float32, without activations
    changes: tuple[PlannedChange, ...]  # in the order to try them; only those that help
    seconds: float | None  # None without a probe
    tokens_per_s: float | None

    @property
    def peak_bytes(self) -> int:
        """At the worst moment of a step."""
        return sum(self.memory.values())

    @property
    def fits(self) -> bool:
        """Whether the memory is there; so it counts where nobody says how much there is."""
        return self.available_bytes is None or self.peak_bytes <= self.available_bytes


def plan_training(
    model: ModelShape,
    adapter: AdapterShape,
    rows: Sequence[Packed],
    settings: TrainingSettings,
    options: MemoryOptions | None = None,
    *,
    eval_rows: Sequence[Packed] = (),
    is_preference: bool = False,
    probe: Probe | None = None,
    available_bytes: int | None = None,
) -> TrainingPlan:
    """What `train` with these arguments will take.

    Args:
        options: how weights are held; whether activations are kept is for `settings` to say.
        is_preference: rows are pairs: the base reads each once.
        available_bytes: None asks the system.

    Raises:
        ValueError: no rows.
    """
    if not rows:
        raise ValueError("There are no training rows; at least one example is needed.")
    options = replace(options or MemoryOptions(), checkpoint_activations=settings.checkpoint_activations)
    shapes = [batch_shape([row]) for row in rows]
    rows_a_step = settings.batch_size * settings.accumulation
    steps_an_epoch = math.ceil(len(rows) / rows_a_step)
    num_steps = min(steps_an_epoch * settings.num_epochs, settings.max_steps or steps_an_epoch * settings.num_epochs)
    num_epochs = num_steps / steps_an_epoch
    tokens_an_epoch = sum(map(len, rows))
    largest = batch_shape(heapq.nlargest(settings.batch_size, rows, key=len))
    memory = memory_parts(model, adapter, largest, tokens_an_epoch, options)

    steps = [
        step_flops(model, adapter, shape, checkpoint_activations=options.checkpoint_activations) for shape in shapes
    ]
    once = sum(_once_flops(model, adapter, shape, is_preference) for shape in shapes)
    is_kept = tokens_an_epoch * model.config.hidden_size * options.dtype_bytes <= PREFIX_BYTES
    flops = sum(steps) * num_epochs + once * (min(1.0, num_epochs) if is_kept else num_epochs)
    evaluation = sum(forward_flops(model, batch_shape([row])) for row in eval_rows) * (2 if is_preference else 1)
    evaluation *= math.ceil(num_steps / (settings.eval_every or num_steps))
    flops += evaluation
    seconds = None
    if probe is not None:
        rate = sum(steps[idx] for idx in probe.rows) / probe.seconds
        seconds = flops / rate + num_steps * probe.update_seconds
    num_tokens = round(tokens_an_epoch * num_epochs)
    return TrainingPlan(
        num_steps=num_steps,
        num_rows=len(rows),
        num_tokens=num_tokens,
        largest_batch=largest,
        num_parameters=adapter.num_parameters,
        num_model_parameters=model.num_parameters,
        memory=memory,
        available_bytes=available_memory_bytes() if available_bytes is None else available_bytes,
        flops=round(flops),
        full_flops=round(sum(full_flops(model, shape) for shape in shapes) * num_epochs + evaluation),
        full_bytes=full_tuning_bytes(model),
        changes=tuple(_changes(model, adapter, largest, rows, options)),
        seconds=seconds,
        tokens_per_s=None if seconds is None else num_tokens / seconds,
    )


def _once_flops(model: ModelShape, adapter: AdapterShape, shape: BatchShape, is_preference: bool) -> int:
    below = below_flops(model, adapter, shape)
    # The base goes on from what the layers below the adapter gave.
    return below + (forward_flops(model, shape) - below if is_preference else 0)


def _changes(
    model: ModelShape, adapter: AdapterShape, batch: BatchShape, rows: Sequence[Packed], options: MemoryOptions
) -> Iterator[PlannedChange]:
    num_tokens = sum(map(len, rows))

    def peak(adapter: AdapterShape, batch: BatchShape, options: MemoryOptions) -> int:
        return sum(memory_parts(model, adapter, batch, num_tokens, options).values())

    now = peak(adapter, batch, options)
    with_earlier = (adapter, batch, options)
    half = batch.num_tokens // 2
    config, first = model.config, adapter.first_layer
    last = max(1, (config.num_layers - first) // 4)
    later, lower = adapter.from_layer(config.num_layers - last, config.num_layers), adapter.with_half_rank()
    ways: list[tuple[ChangeKind, int | None, AdapterShape | None, BatchShape | None, MemoryOptions | None]] = [
        ("batch_tokens", half, None, batch.cut(half) if half >= _LEAST_BATCH_TOKENS else None, None),
        ("checkpoint_activations", None, None, None, replace(options, checkpoint_activations=True)),
        ("keep_quantized", None, None, None, replace(options, keep_quantized=True)),
        ("last_layers", last, later, None, None),
        ("rank", max(lower.ranks.values()) if lower else None, lower, None, None),
    ]
    for kind, value, other_adapter, other_batch, other_options in ways:
        alone = peak(other_adapter or adapter, other_batch or batch, other_options or options)
        if alone >= now:
            continue
        with_earlier = _added(with_earlier, kind, other_adapter, other_batch)
        num_longer = _num_longer(rows, half) if kind == "batch_tokens" else 0
        yield PlannedChange(
            kind=kind,
            value=value,
            peak_bytes=alone,
            peak_bytes_with_earlier=peak(*with_earlier),
            num_longer=num_longer,
        )


def _added(
    earlier: tuple[AdapterShape, BatchShape, MemoryOptions],
    kind: ChangeKind,
    other_adapter: AdapterShape | None,
    other_batch: BatchShape | None,
) -> tuple[AdapterShape, BatchShape, MemoryOptions]:
    adapter, batch, options = earlier
    if kind == "checkpoint_activations":
        options = replace(options, checkpoint_activations=True)
    elif kind == "keep_quantized":
        options = replace(options, keep_quantized=True)
    elif kind == "rank":
        adapter = adapter.with_half_rank() or adapter
    return (other_adapter or adapter) if kind == "last_layers" else adapter, other_batch or batch, options


def _num_longer(rows: Sequence[Packed], num_tokens: int) -> int:
    return sum(int((np.diff(row.cu_seqlens) > num_tokens).sum()) for row in rows)
