"""`tune`: from a file of examples to an adapter in a folder.

    from appkit import LocalModel, tune

    adapter = tune("mine.jsonl", model="smollm2-135m")
    LocalModel("smollm2-135m", adapter=adapter)

All that can be checked without torch is checked before it is imported.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appkit.errors import TuningError
from appkit.tuning.config import TuneConfig, config_of
from appkit.tuning.data import file_digests, prepare_rows, with_absolute_paths
from appkit.tuning.folder import TuneFolder
from appkit.tuning.plan import plan_rows
from appkit.tuning.result import TuneResult
from appkit.tuning.run import TuneRun, TuneStart, disk_errors_named
from appkit.tuning.runtime_settings import checked_model, training_settings
from runtime.files import data_dir

if TYPE_CHECKING:
    from runtime import ModelText, TrainingProgress


def tune(
    data: str | Path,
    model: str | Path = "smollm2-135m",
    *,
    output: str | Path | None = None,
    fresh: bool = False,
    ignore_memory: bool = False,
    on_progress: "Callable[[TrainingProgress], None] | None" = None,
    **options: Any,
) -> TuneResult:
    """Train an adapter of `model` on a file of examples. Needs the extra `train` (torch).

    A run that was stopped, or killed, goes on where it was when it is asked for again, and ends with the same adapter.
    A finished one is not done again.

    Args:
        data: JSON Lines, or a folder with train.jsonl and, maybe, valid.jsonl.
        output: the folder for the adapter; None: one below `data_dir()/adapters`, by data, model and options.
        fresh: begin anew; an old adapter is replaced when the new one is complete.
        ignore_memory: begin though the plan says that memory will not do.
        on_progress: told of every step.
        options: those of `TuneConfig`, such as method, rank, epochs, learning_rate, validation.

    Returns:
        What it came to. It stands for its folder wherever an adapter is asked for: `LocalModel(model, adapter=result)`.

    Raises:
        ValueError: an option that is unknown or cannot be, or a model that is not to be trained.
        TuningError: the folder holds something else, or cannot be written; memory will not do.
        ImportError: torch is not installed.
        runtime.errors.TrainingDataError: data that cannot be trained on; the message names lines and reasons.
        runtime.errors.TrainingDivergedError: the loss ran away again and again.
        What opening the model raises.
    """
    config = config_of({**options, "data": os.fspath(data), "model": os.fspath(model)})
    return run_tuning(
        config, None if output is None else Path(output), fresh=fresh, ignore_memory=ignore_memory, on_step=on_progress
    )


def run_tuning(
    config: TuneConfig,
    output: Path | None = None,
    *,
    fresh: bool = False,
    ignore_memory: bool = False,
    on_start: Callable[[TuneStart], None] | None = None,
    on_step: "Callable[[TrainingProgress], None] | None" = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> TuneResult:
    """`tune`, told more of and in more detail.

    Args:
        on_start: told once, before the first step; not told where the run was finished before.
        should_stop: asked after every step; true ends this call with a checkpoint, and `is_finished` is False.

    Raises:
        What `tune` raises.
    """
    method, model = checked_model(config)
    if find_spec("torch") is None:
        raise ImportError('Fine-tuning needs torch, which is not installed: pip install "appkit-llm[train]"')
    config = with_absolute_paths(config)
    digests = {**file_digests(config), f"model {model.name}": _weights_digest(model)}
    folder = TuneFolder(_default_folder(config, digests) if output is None else output.expanduser().absolute())
    found = config if fresh and folder.holds_run else folder.agreed(config, digests)
    if folder.holds_run and folder.is_finished and not fresh:
        return folder.result()
    config = replace(found, date=found.date or datetime.now().isoformat(timespec="seconds"))
    data = prepare_rows(config, model)
    settings = training_settings(config, data)
    planned = plan_rows(config, method, model, data)
    if not planned.fits and not ignore_memory:
        needed, available = planned.peak_bytes >> 20, (planned.available_bytes or 0) >> 20
        raise TuningError(
            f"This run takes about {needed:,} MiB of memory, and {available:,} are available: appkit tune plan tells "
            "which options make it fit, and --ignore-memory begins all the same."
        )
    with folder.locked():
        with disk_errors_named(folder.path):
            folder.begin(config, digests, fresh=fresh)
        run = TuneRun(folder, folder.agreed(config, digests), method, model, data, settings)
        return run.go(on_start, on_step, should_stop)


def _default_folder(config: TuneConfig, digests: Mapping[str, str]) -> Path:
    whole = json.dumps([config.as_mapping(), sorted(digests.values())], sort_keys=True)
    data, model = Path(config.data).stem, Path(config.model).stem
    return data_dir() / "adapters" / f"{data}-{model}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"


def _weights_digest(model: "ModelText") -> str:
    from runtime import weights_digest

    return weights_digest(model.path)
