"""Runs an evaluation: asks a model every sample of a task, keeps what came of each at once, and sums up.

from appkit import evaluate

run = evaluate("gsm8k", "smollm2-135m", limit=100)
print(run.figures["exact_match"], run.folder)
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Any

from appkit import LanguageModel, LocalModel
from appkit.errors import EvaluationError
from eval.harness.ask_all import ask_all
from eval.harness.conditions import conditions_of
from eval.harness.model_identity import NO_MODEL, ModelIdentity, identify, open_identified
from eval.harness.registry import NO_SETTINGS, find_task
from eval.harness.results import results_of
from eval.harness.run_folder import RunFolder, open_run_folder
from eval.harness.run_header import default_folder, header_of
from eval.harness.stored_run import Run, load_run
from eval.harness.task import Sample, Session, Task
from runtime import DEFAULT_MODEL

__all__ = ["Run", "evaluate", "load_run", "run_task"]

OnProgress = Callable[[int, int], None]


def evaluate(
    task: str | Path | Task,
    model: str | Path | LanguageModel = DEFAULT_MODEL,
    *,
    limit: int | None = None,
    settings: Mapping[str, Any] = NO_SETTINGS,
    output: str | Path | None = None,
    fresh: bool = False,
    on_progress: OnProgress | None = None,
    adapter: str | PathLike[str] | None = None,
) -> Run:
    """Measure `model` by `task`, and keep every sample and figure in a folder.

    A run that was stopped, or killed, goes on when it is asked for again, and ends with the same bytes.

    Args:
        task: a name, the path of a `.yaml` file, or a task.
        model: what `open_model` takes, or an open model, which stays open.
        limit: the first samples only. A larger one later asks only what was not asked before.
        settings: of the task, where it is named.
        output: the folder of the run; None: one below `data_dir()/evaluations`, by task, settings and model.
        fresh: forget what the folder holds of an earlier run.
        on_progress: is told how many samples are done, of how many.
        adapter: the folder of an adapter, or a result of `tune`, that a local model answers with; it makes a run of its
            own.

    Raises:
        ValueError: an unknown task or setting, a limit below 1, or an adapter for a model that is not local.
        EvaluationError: the folder holds another run, or another process runs in it; data that are missing.
        What opening and asking the model raise: what is done by then is kept.
    """
    chosen = _chosen(task, settings)
    options: dict[str, Any] = {"limit": limit, "output": output, "fresh": fresh, "on_progress": on_progress}
    if chosen.needs_model and not isinstance(model, str | Path):
        if adapter is not None:
            if not isinstance(model, LocalModel):
                raise ValueError(
                    f"{model.name} has no weights here that an adapter could change: leave the adapter out."
                )
            model = model.with_adapter(adapter)
        return run_task(chosen, model, identify(model), **options)
    with open_identified(str(model) if chosen.needs_model else None, adapter) as (opened, identity):
        return run_task(chosen, opened, identity, **options)


def run_task(
    task: Task,
    model: LanguageModel | None,
    identity: ModelIdentity,
    *,
    limit: int | None = None,
    output: str | Path | None = None,
    fresh: bool = False,
    on_progress: OnProgress | None = None,
) -> Run:
    """`evaluate` with a task that was made and a model that is open; None for a task that needs none.

    Raises:
        What `evaluate` raises.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit is {limit}; ask 1 sample at least.")
    identity = identity if task.needs_model else NO_MODEL
    header = header_of(task, identity)
    folder = default_folder(header) if output is None else Path(output)
    opened = model if task.needs_model else None
    with open_run_folder(folder, header, fresh=fresh) as kept, task.open(opened, limit) as session:
        _check_samples(session, task)
        started, clock = datetime.now(UTC), time.monotonic()
        num_asked = _ask_rest(session, kept, on_progress)
        figures = session.figures(session.samples, kept.answers(session.samples))
        is_new = kept.finish(
            session.samples, lambda records, digest: results_of(task, header, limit, figures, records, digest)
        )
        if is_new or num_asked or not kept.has_conditions:
            kept.write_conditions(
                conditions_of(
                    task.name,
                    identity.name,
                    started=started,
                    seconds=time.monotonic() - clock,
                    num_asked=num_asked,
                    num_kept=len(session.samples) - num_asked,
                )
            )
    return load_run(folder)


def _chosen(task: str | Path | Task, settings: Mapping[str, Any]) -> Task:
    if isinstance(task, str | Path):
        return find_task(task, settings)
    if settings:
        raise ValueError("Settings are chosen where a task is made; give them with the name of a task.")
    return task


def _check_samples(session: Session, task: Task) -> None:
    if not session.samples:
        raise EvaluationError(f"{task.name} has no samples: its data are empty.")
    doc_id, count = Counter(sample.doc_id for sample in session.samples).most_common(1)[0]
    if count > 1:
        raise EvaluationError(f"{task.name} has {count} samples with the doc_id {doc_id}. The task is at fault.")


def _ask_rest(session: Session, kept: RunFolder, on_progress: OnProgress | None) -> int:
    """Ask what was not asked before; how many that were."""
    done = kept.done(session.samples)
    rest: Sequence[Sample] = [sample for sample in session.samples if sample.doc_id not in done]
    total = len(session.samples)
    report = on_progress or (lambda done, total: None)
    report(total - len(rest), total)
    for number, (sample, answered) in enumerate(ask_all(session, rest), 1):
        kept.add(sample, answered)
        report(total - len(rest) + number, total)
    return len(rest)
