"""A run of fine-tuning in its folder: trained, evaluated, logged, and its adapter written at the end."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from appkit.errors import TuningError
from appkit.tuning.config import TuneConfig
from appkit.tuning.data import TuneData
from appkit.tuning.folder import TuneFolder
from appkit.tuning.methods import Method
from appkit.tuning.plot import write_loss_plot
from appkit.tuning.result import TuneResult
from appkit.tuning.step_log import LoggedStep, StepLog
from runtime.files import free_bytes

if TYPE_CHECKING:
    from runtime import (
        AdapterWeights,
        ModelText,
        TrainingProgress,
        TrainingResult,
        TrainingSettings,
    )

_STATE_BYTES = 12  # a parameter in a checkpoint: its value and two moments
_WEIGHT_BYTES = 4  # a parameter in an adapter
_PREFERENCE_RATE = 0.1  # of a method's usual learning rate: pairs nudge a model that can answer already
_SPARE_BYTES = 16 << 20  # of disk: log, plot, settings


@dataclass(frozen=True, kw_only=True, eq=False)
class TuneStart:
    """What is known before the first step."""

    folder: Path
    config: TuneConfig
    data: TuneData
    num_parameters: int
    learning_rate: float  # the peak
    steps_done: int  # in earlier calls, as far as they were told


class TuneRun:
    """One run, which this process has for itself. Makes the adapter, and owns the frozen decoder.

    Raises what reading the model and making the adapter raise.
    """

    def __init__(
        self,
        folder: TuneFolder,
        config: TuneConfig,
        method: Method,
        model: "ModelText",
        data: TuneData,
        settings: "TrainingSettings",
    ) -> None:
        from runtime import DirectPreference, NextToken, load_frozen_decoder

        self._folder, self._config, self._method = folder, config, method
        self._data = data
        self._decoder = load_frozen_decoder(model.path, config.dtype, keep_quantized=config.quantized)
        self._adapter = method.make(self._decoder, config, model.tokenizer)
        self._objective = DirectPreference(beta=config.beta) if data.is_preference else NextToken()
        self._log = StepLog(folder.log_path)
        share = _PREFERENCE_RATE if data.is_preference else 1.0
        usual = self._adapter.default_learning_rate(self._decoder.config) * share
        self._learning_rate = config.learning_rate or usual
        self._settings = replace(settings, learning_rate=self._learning_rate)

    def go(
        self,
        on_start: Callable[[TuneStart], None] | None,
        on_step: "Callable[[TrainingProgress], None] | None",
        should_stop: Callable[[], bool],
    ) -> TuneResult:
        """To the end, or until it is told to stop.

        Raises:
            TuningError: the disk is full; what was written before is whole.
            What training raises.
        """
        from runtime import train

        if on_start is not None:
            on_start(self._start())
        with disk_errors_named(self._folder.path):
            self._check_disk()
            self._evaluate_base()
            trained = train(
                self._decoder,
                self._adapter,
                self._data.rows,
                self._settings,
                objective=self._objective,
                eval_rows=self._data.eval_rows,
                folder=self._folder.training,
                should_stop=should_stop,
                on_progress=self._keeping(on_step),
            )
            return self._finished(trained) if trained.is_finished else self._result(trained, trained.num_steps)

    def _start(self) -> TuneStart:
        return TuneStart(
            folder=self._folder.path,
            config=self._config,
            data=self._data,
            num_parameters=self._adapter.num_parameters(),
            learning_rate=self._learning_rate,
            steps_done=self._log.steps[-1].step if self._log.steps else 0,
        )

    def _check_disk(self) -> None:
        """Room for a checkpoint beside the one it replaces, and the same of the adapter."""
        needed = self._adapter.num_parameters() * 2 * (_STATE_BYTES + _WEIGHT_BYTES) + _SPARE_BYTES
        if (free := free_bytes(self._folder.path)) < needed:
            raise TuningError(
                f"{self._folder.path} has {free / 1e6:,.0f} MB of disk left and this run takes up to "
                f"{needed / 1e6:,.0f}: free some, or choose another folder."
            )

    def _evaluate_base(self) -> None:
        from runtime import mean_loss

        if self._data.eval_rows and not self._log.steps:
            loss = mean_loss(self._decoder, None, self._data.eval_rows, self._objective)
            self._log.add(LoggedStep(step=0, eval_loss=loss))

    def _keeping(self, on_step: "Callable[[TrainingProgress], None] | None") -> "Callable[[TrainingProgress], None]":
        """What keeps a step before its checkpoint is written: all that is behind a checkpoint is in the log."""
        clock, num_tokens = time.monotonic(), 0

        def keep(progress: "TrainingProgress") -> None:
            nonlocal clock, num_tokens
            self._log.forget_from(progress.step)
            if self._config.keep == "best" and self._is_best(progress.eval_loss):
                self._write_adapter(self._folder.best_path, self._method.weights(self._adapter))
            now = time.monotonic()
            self._log.add(_logged(progress, progress.num_tokens - num_tokens, now - clock))
            clock, num_tokens = now, progress.num_tokens
            if on_step is not None:
                on_step(progress)

        return keep

    def _is_best(self, eval_loss: float | None) -> bool:
        return eval_loss is not None and all(eval_loss < loss for _, loss in self._evaluations())

    def _evaluations(self) -> list[tuple[int, float]]:
        """Of adapters: (steps done, loss)."""
        return [(step.step, step.eval_loss) for step in self._log.steps if step.step and step.eval_loss is not None]

    def _finished(self, trained: "TrainingResult") -> TuneResult:
        """Write the adapter to keep, the plot and the result, in this order: with the result the run is finished."""
        kept_step = trained.num_steps
        if self._config.keep == "best" and (evaluations := self._evaluations()):
            kept_step = min(evaluations, key=lambda found: (found[1], found[0]))[0]
        if kept_step == trained.num_steps:
            self._write_adapter(self._folder.path, self._method.weights(self._adapter))
        else:
            self._write_adapter(self._folder.path, None)
        result = self._result(trained, kept_step)
        write_loss_plot(self._folder.plot_path, result)
        self._folder.finish(result)
        return result

    def _write_adapter(self, folder: Path, weights: "AdapterWeights | None") -> None:
        """None: the best so far."""
        from runtime import load_model, read_peft, write_peft

        with load_model(self._config.model) as model:
            found = read_peft(self._folder.best_path, model) if weights is None else weights
            write_peft(folder, found, model, **self._method.file_options(self._config))

    def _result(self, trained: "TrainingResult", kept_step: int) -> TuneResult:
        steps = self._log.steps
        return TuneResult(
            folder=self._folder.path,
            model=self._config.model,
            method=self._config.method,
            is_finished=trained.is_finished,
            num_steps=trained.num_steps,
            kept_step=kept_step,
            losses=trained.losses,
            eval_losses=tuple(self._evaluations()),
            eval_before=next((step.eval_loss for step in steps if step.step == 0), None),
            num_parameters=self._adapter.num_parameters(),
            learning_rate=self._learning_rate,
            num_tokens=sum(step.num_tokens for step in steps),
            seconds=sum(step.seconds for step in steps),
            num_returns=trained.num_returns,
        )


@contextmanager
def disk_errors_named(folder: Path) -> Iterator[None]:
    """Raises TuningError for an OSError within."""
    try:
        yield
    except BrokenPipeError:
        raise  # of who is told of steps
    except OSError as error:
        raise TuningError(
            f"{folder} cannot be written ({error.strerror or error}). What was written before is whole: when there is "
            "room, the same command goes on from the last checkpoint."
        ) from error


def _logged(progress: "TrainingProgress", num_tokens: int, seconds: float) -> LoggedStep:
    return LoggedStep(
        step=progress.step,
        loss=_finite(progress.loss),
        eval_loss=_finite(progress.eval_loss),
        learning_rate=progress.learning_rate,
        grad_norm=_finite(progress.grad_norm),
        num_tokens=num_tokens,
        seconds=round(seconds, 4),
        has_returned=progress.has_returned,
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
