"""Runs an evaluation: asks a model every sample of a task, keeps what came of each at once, and sums up.

from appkit import evaluate

run = evaluate("gsm8k", "smollm2-135m", limit=100)
print(run.figures["exact_match"], run.folder)
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from appkit import LanguageModel
from eval.harness.registry import NO_SETTINGS
from eval.harness.stored_run import Run, load_run
from eval.harness.task import Task
from runtime import DEFAULT_MODEL

__all__ = ["Run", "evaluate", "load_run"]


def evaluate(
    task: str | Path | Task,
    model: str | LanguageModel = DEFAULT_MODEL,
    *,
    limit: int | None = None,
    settings: Mapping[str, Any] = NO_SETTINGS,
    output: str | Path | None = None,
    fresh: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Run:
    """Measure `model` by `task`, and keep every sample and figure in a folder.

    A run that was stopped, or killed, goes on when it is asked for again, and ends with the same bytes.

    Args:
        task: a name, the path of a `.yaml` file, or a task.
        model: a name as `open_model` takes it, or an open model, which stays open.
        limit: the first samples only. A larger one later asks only what was not asked before.
        settings: of the task, where it is named.
        output: the folder of the run; None: one below `data_dir()/evaluations`, by task, settings and model.
        fresh: forget what the folder holds of an earlier run.
        on_progress: is told how many samples are done, of how many.

    Raises:
        ValueError: an unknown task or setting, or a limit below 1.
        EvaluationError: the folder holds another run, or another process runs in it; data that are missing.
        What opening and asking the model raise: what is done by then is kept.
    """
    raise NotImplementedError
