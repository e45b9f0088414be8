"""The training loop: batches in a seeded order, gradients weighted by tokens, a guard, checkpoints, resumption.

The same arguments give the same bits on one machine, and so do a run and the same run interrupted and resumed.
"""

import hashlib
import math
import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from runtime.errors import TrainingDivergedError
from runtime.training.checkpoint import CHECKPOINT_NAME, RunState, read_checkpoint, write_checkpoint
from runtime.training.data.order import shuffled_order
from runtime.training.data.packing import Packed
from runtime.training.forward import ForwardOptions, frozen_prefix, join
from runtime.training.objective import NextToken, Objective
from runtime.training.optimizer import AdapterOptimizer
from runtime.training.settings import TrainingSettings, learning_rate_at
from runtime.training.trainable import TrainableAdapter
from runtime.training.weights import FrozenDecoder

MAX_RETURNS = 3  # to the last good step, then the run ends
GOOD_STATE_EVERY = 10  # steps between two states to return to
_RECENT_LOSSES = 20
_PREFIX_BYTES = 2 << 30  # of kept hidden states; what does not fit is computed again


@dataclass(frozen=True, kw_only=True)
class TrainingProgress:
    """After a step."""

    step: int  # steps done
    num_steps: int
    loss: float  # of a unit of this step: nats a supervised token
    eval_loss: float | None  # where this step was followed by an evaluation
    learning_rate: float
    grad_norm: float
    num_tokens: int  # all tokens, padding there is none; since this call began
    tokens_per_s: float
    seconds_left: float
    has_returned: bool = False  # the step diverged; the adapter is back at its last good state
    metrics: Mapping[str, float] = field(default_factory=dict)  # what the objective tells beside its loss
    eval_metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """What a run came to; the adapter itself was changed in place."""

    num_steps: int  # steps done, earlier calls included
    is_finished: bool
    losses: tuple[float, ...]  # a step
    eval_losses: tuple[tuple[int, float], ...]  # (steps done, loss), of this call
    num_tokens: int  # of this call
    seconds: float  # of this call
    num_returns: int


def train(
    decoder: FrozenDecoder,
    adapter: TrainableAdapter,
    rows: Sequence[Packed],
    settings: TrainingSettings | None = None,
    *,
    objective: Objective | None = None,
    eval_rows: Sequence[Packed] = (),
    folder: Path | None = None,
    stop_after: int | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    on_progress: Callable[[TrainingProgress], None] | None = None,
) -> TrainingResult:
    """Fit `adapter` to `rows`.

    A step's loss is the mean over all units (supervised tokens, unless another objective is given) of its
    `batch_size · accumulation` rows, so how they are packed and split does not matter. Where the loss or the gradients
    stop being numbers, the gradients vanish, or the loss jumps to `spike_factor` times the median of the last ones, the
    adapter returns to its last good state and goes on with half the learning rate.

    Args:
        adapter: changed in place.
        folder: where the checkpoint is kept. If one is there the run goes on from it.
        stop_after: end this call after so many steps of the run in all; the schedule does not change.
        should_stop: asked after every step; true ends this call there.
        on_progress: told of every step before its checkpoint is written, so that a run that goes on from one has told
            of all that is in it.

    Raises:
        ValueError: no rows, or rows without a unit; sequences that do not fit in the model's context beside virtual
            tokens; a checkpoint of other settings, data or model.
        TrainingDivergedError: the loss diverged again after `MAX_RETURNS` returns; `adapter` is at its last good state.
        CorruptFileError: the checkpoint is damaged.
        OSError: the checkpoint cannot be read or written.
    """
    settings, objective = settings or TrainingSettings(), objective or NextToken()
    _check_rows("training", rows, objective)
    if eval_rows:
        _check_rows("evaluation", eval_rows, objective)
    _check_room([*rows, *eval_rows], adapter.num_virtual_tokens, decoder.config.max_seq_len)
    run = _Run(decoder, adapter, rows, settings, objective, eval_rows, folder)
    run.resume()
    return run.go(stop_after, should_stop, on_progress)


def mean_loss(
    decoder: FrozenDecoder,
    adapter: TrainableAdapter | None,
    rows: Sequence[Packed],
    objective: Objective | None = None,
) -> float:
    """The loss of a unit over `rows`, without dropout: nats a supervised token, unless told another objective.

    Raises ValueError where no row has a unit.
    """
    return _evaluate(decoder, adapter, rows, objective or NextToken()).loss


@dataclass(frozen=True)
class _Means:
    """Of the units of some rows."""

    loss: float
    metrics: Mapping[str, float]


def _evaluate(
    decoder: FrozenDecoder, adapter: TrainableAdapter | None, rows: Sequence[Packed], objective: Objective
) -> _Means:
    _check_rows("evaluation", rows, objective)
    if adapter is not None:
        adapter.begin_step()
    total, sums = 0.0, Counter[str]()
    with torch.no_grad():
        for row in rows:
            if objective.num_units(row):
                summed = objective.summed(decoder, adapter, row)
                total += summed.loss.item()
                sums.update(summed.metrics)
    num_units = sum(objective.num_units(row) for row in rows)
    return _Means(total / num_units, {name: value / num_units for name, value in sums.items()})


class _Run:
    """The changing state of one run."""

    def __init__(
        self,
        decoder: FrozenDecoder,
        adapter: TrainableAdapter,
        rows: Sequence[Packed],
        settings: TrainingSettings,
        objective: Objective,
        eval_rows: Sequence[Packed],
        folder: Path | None,
    ) -> None:
        self._decoder, self._adapter, self._rows, self._settings = decoder, adapter, rows, settings
        self._objective, self._eval_rows, self._folder = objective, eval_rows, folder
        self._rows_a_step = settings.batch_size * settings.accumulation
        steps_an_epoch = math.ceil(len(rows) / self._rows_a_step)
        self._steps_an_epoch = steps_an_epoch
        self._num_steps = min(steps_an_epoch * settings.num_epochs, settings.max_steps or math.inf)
        self._peak = settings.learning_rate or adapter.default_learning_rate(decoder.config)
        self._optimizer = AdapterOptimizer(adapter, settings)
        self._state = RunState(step=0, fingerprint=self._fingerprint(), losses=())
        self._good_state = self._optimizer.copy()
        self._prefixes = _PrefixStore(decoder, adapter)

    def resume(self) -> None:
        """Take up the checkpoint, if there is one."""
        path = self._checkpoint_path()
        if path is None or not path.exists():
            return
        shapes = {name: tuple(tensor.shape) for name, tensor in self._optimizer.tensors().items()}
        state, tensors = read_checkpoint(path, shapes)
        if state.fingerprint != self._state.fingerprint:
            raise ValueError(
                f"{path} belongs to a run with other settings, data or model. Give those it began with, "
                "or another folder."
            )
        self._state = state
        self._optimizer.restore_(tensors)
        self._good_state = self._optimizer.copy()

    def go(
        self,
        stop_after: int | None,
        should_stop: Callable[[], bool],
        on_progress: Callable[[TrainingProgress], None] | None,
    ) -> TrainingResult:
        last_step = int(min(self._num_steps, stop_after if stop_after is not None else math.inf))
        began, num_tokens, first_step = time.perf_counter(), 0, self._state.step
        eval_losses: list[tuple[int, float]] = []
        is_stopping = False
        while self._state.step < last_step and not is_stopping:
            batches = self._batches(self._state.step)
            learning_rate = self._learning_rate()
            means, grad_norm = self._gradients(batches)
            loss = means.loss
            num_tokens += sum(len(batch) for batch, _ in batches)
            has_returned = self._update(loss, grad_norm, learning_rate)
            evaluated = self._evaluated()
            if evaluated is not None:
                eval_losses.append((self._state.step, evaluated.loss))
            if on_progress is not None:
                seconds = time.perf_counter() - began
                on_progress(
                    TrainingProgress(
                        step=self._state.step,
                        num_steps=int(self._num_steps),
                        loss=loss,
                        eval_loss=None if evaluated is None else evaluated.loss,
                        learning_rate=learning_rate,
                        grad_norm=grad_norm,
                        num_tokens=num_tokens,
                        tokens_per_s=num_tokens / seconds,
                        seconds_left=seconds / (self._state.step - first_step) * (self._num_steps - self._state.step),
                        has_returned=has_returned,
                        metrics=means.metrics,
                        eval_metrics={} if evaluated is None else evaluated.metrics,
                    )
                )
            is_stopping = should_stop()
            self._save(is_last=is_stopping or self._state.step == last_step)
        return TrainingResult(
            num_steps=self._state.step,
            is_finished=self._state.step >= self._num_steps,
            losses=self._state.losses,
            eval_losses=tuple(eval_losses),
            num_tokens=num_tokens,
            seconds=time.perf_counter() - began,
            num_returns=self._state.num_returns,
        )

    def _batches(self, step: int) -> list[tuple[Packed, tuple[int, ...]]]:
        """The step's batches, each with the indices of its rows."""
        epoch, place = divmod(step, self._steps_an_epoch)
        order = shuffled_order(len(self._rows), self._settings.seed, "epoch", epoch)
        chosen = order[place * self._rows_a_step : (place + 1) * self._rows_a_step]
        size = self._settings.batch_size
        groups = [tuple(chosen[start : start + size]) for start in range(0, len(chosen), size)]
        return [(join([self._rows[idx] for idx in group]), group) for group in groups]

    def _gradients(self, batches: list[tuple[Packed, tuple[int, ...]]]) -> tuple[_Means, float]:
        """Leaves the clipped gradients of the step's mean loss in the adapter; returns the means and their length."""
        self._optimizer.zero_gradients()
        self._adapter.begin_step()
        total, sums = 0.0, Counter[str]()
        for place, (batch, group) in enumerate(batches):
            if self._objective.num_units(batch) == 0:
                continue
            options = ForwardOptions(
                dropout_seed=self._dropout_seed(place),
                checkpoint_activations=self._settings.checkpoint_activations,
            )
            prefix = self._prefixes.get(self._rows, group)
            summed = self._objective.summed(self._decoder, self._adapter, batch, options, prefix=prefix)
            summed.loss.backward()  # type: ignore[no-untyped-call]
            total += summed.loss.item()
            sums.update(summed.metrics)
        num_units = sum(self._objective.num_units(batch) for batch, _ in batches)
        if num_units == 0:
            return _Means(0.0, {}), 0.0
        means = _Means(total / num_units, {name: value / num_units for name, value in sums.items()})
        return means, self._optimizer.scale_gradients_(1 / num_units)

    def _update(self, loss: float, grad_norm: float, learning_rate: float) -> bool:
        """Take the step, or return to the last good state; True for the latter."""
        state = self._state
        is_number = math.isfinite(loss) and math.isfinite(grad_norm)
        # A step too far can leave a model that writes every token alike, whose gradient is 0: it never comes back.
        is_dead = grad_norm == 0 and loss > self._objective.spike_floor()
        is_bad = not is_number or is_dead or self._is_spike(loss)
        if not is_bad:
            if state.step % GOOD_STATE_EVERY == 0:
                self._good_state = self._optimizer.copy()  # this loss has shown it to be good
            self._optimizer.step(learning_rate)
            self._state = replace(state, step=state.step + 1, losses=(*state.losses, loss))
            return False
        self._optimizer.restore_(self._good_state)
        if state.num_returns == MAX_RETURNS:
            raise TrainingDivergedError(
                f"Training diverged: at step {state.step + 1} the loss is {loss:.3g} and the gradient {grad_norm:.3g}, "
                f"after {MAX_RETURNS} returns to the last good step, each with half the learning rate (now "
                f"{learning_rate:.2g}). Choose a lower learning rate, or look for broken lines in the data.",
                state.step + 1,
            )
        # The history keeps to losses of the kind that a run goes on from: one that diverged would move the median.
        previous = state.losses[-1] if state.losses else 0.0
        self._state = replace(
            state,
            step=state.step + 1,
            losses=(*state.losses, previous),
            learning_rate_factor=state.learning_rate_factor / 2,
            num_returns=state.num_returns + 1,
        )
        return True

    def _is_spike(self, loss: float) -> bool:
        recent = self._state.losses[-_RECENT_LOSSES:]
        if not recent:
            return False
        usual = max(statistics.median(recent), self._objective.spike_floor())
        if loss <= self._settings.spike_factor * usual:
            return False
        # The first few losses say little of how much rows differ, but worse than guessing is worse than any row.
        return len(recent) >= 5 or loss > self._objective.worst_guess(self._decoder)

    def _evaluated(self) -> _Means | None:
        """What an evaluation finds, where it is time for one."""
        step, eval_every = self._state.step, self._settings.eval_every
        is_due = step == self._num_steps or (eval_every is not None and step % eval_every == 0)
        if not self._eval_rows or not is_due:
            return None
        return _evaluate(self._decoder, self._adapter, self._eval_rows, self._objective)

    def _save(self, *, is_last: bool) -> None:
        """Write the checkpoint, where it is time to."""
        save_every, path = self._settings.save_every, self._checkpoint_path()
        if path is not None and (is_last or (save_every is not None and self._state.step % save_every == 0)):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_checkpoint(path, self._state, self._optimizer.tensors())

    def _learning_rate(self) -> float:
        rate = learning_rate_at(self._state.step, int(self._num_steps), self._peak, self._settings)
        return rate * self._state.learning_rate_factor

    def _dropout_seed(self, place: int) -> int:
        """Of one batch: layers count up from it, so batches are far apart."""
        return ((self._settings.seed * 1_000_003 + self._state.step) * 1_009 + place) << 20

    def _checkpoint_path(self) -> Path | None:
        return self._folder / CHECKPOINT_NAME if self._folder is not None else None

    def _fingerprint(self) -> str:
        parts = self._settings, self._adapter.description(), self._objective.description(), self._decoder.config
        whole = hashlib.sha256(repr((*parts, str(self._decoder.dtype))).encode())
        for layer in self._decoder.layers:
            whole.update(layer.attention_norm.numpy().tobytes())
        whole.update(self._decoder.embedding.read()[:64].float().numpy().tobytes())
        for row in self._rows:
            for array in (row.input_ids, row.is_supervised, row.cu_seqlens):
                whole.update(array.tobytes())
            whole.update(b"|")
        return whole.hexdigest()


class _PrefixStore:
    """Hidden states of the layers below the adapter, kept from epoch to epoch: they never change."""

    def __init__(self, decoder: FrozenDecoder, adapter: TrainableAdapter) -> None:
        self._decoder, self._adapter = decoder, adapter
        self._kept: dict[int, torch.Tensor] = {}  # by row
        self._num_bytes = 0

    def get(self, rows: Sequence[Packed], indices: Sequence[int]) -> torch.Tensor | None:
        """[T, E] for the named rows end to end; None where the adapter begins at the first layer."""
        if self._adapter.first_layer == 0:
            return None
        return torch.cat([self._of_row(rows[idx], idx) for idx in indices])

    def _of_row(self, row: Packed, idx: int) -> torch.Tensor:
        hidden = self._kept.get(idx)
        if hidden is None:
            hidden = frozen_prefix(self._decoder, self._adapter, row)
            if self._num_bytes + hidden.nbytes <= _PREFIX_BYTES:
                self._kept[idx] = hidden
                self._num_bytes += hidden.nbytes
        return hidden


def _check_rows(kind: str, rows: Sequence[Packed], objective: Objective) -> None:
    if not rows:
        raise ValueError(f"There are no {kind} rows; at least one example is needed.")
    if not any(objective.num_units(row) for row in rows):
        raise ValueError(f"No token of the {kind} rows is supervised, so there is nothing to learn from.")


def _check_room(rows: Sequence[Packed], num_virtual: int, max_seq_len: int) -> None:
    longest = max(int(np.diff(row.cu_seqlens).max()) for row in rows)
    if num_virtual and longest + num_virtual > max_seq_len:
        raise ValueError(
            f"A sequence has {longest} tokens and {num_virtual} virtual tokens stand in front of it; the model's "
            f"context holds {max_seq_len}. Use fewer virtual tokens, or shorter examples: max_len."
        )
