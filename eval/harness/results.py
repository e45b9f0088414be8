"""`results.json`: the layout of lm-evaluation-harness, and under "appkit" what that layout has no place for.

It holds nothing that differs from run to run of the same: no time, no machine, no path.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from appkit.errors import EvaluationError
from eval.harness.record import target_hash
from eval.harness.run_files import FORMAT, VERSION
from eval.harness.task import Measure, Task
from eval.metrics import Figure


def results_of(
    task: Task,
    header: Mapping[str, Any],
    limit: int | None,
    figures: Mapping[str, Figure],
    records: Sequence[Mapping[str, Any]],
    samples_digest: str,
) -> dict[str, Any]:
    """All of the file.

    Args:
        header: task, model and package, see `run_header`.
        records: the lines of `samples.jsonl`, whose SHA-256 is `samples_digest`.

    Raises:
        EvaluationError: a figure that is none of the task's measures.
    """
    measures = {measure.name: measure for measure in task.measures}
    unknown = [name for name in figures if name not in measures]
    if unknown or not figures:
        raise EvaluationError(
            f"{task.name} gives the figure {unknown[0]!r}, which is none of its measures. The task is at fault."
            if unknown
            else f"{task.name} gives no figure for these {len(records)} samples: ask more of them."
        )
    name, model = task.name, header["model"]
    shown = {"alias": name, "sample_len": len(records)} | _lm_eval_figures(figures)
    return {
        "results": {name: shown},
        "configs": {name: _config(task, header)},
        "versions": {name: task.version},
        "n-shot": {name: task.num_fewshot},
        "higher_is_better": {name: {measure: measures[measure].higher_is_better for measure in figures}},
        # how many there are in all is known where all were asked
        "n-samples": {name: {"original": len(records) if limit is None else None, "effective": len(records)}},
        "config": {"model": f"appkit-{model['kind']}", "model_args": model["name"], "limit": limit},
        "task_hashes": {name: target_hash("".join(map(_sample_hash, records)))},
        "model_name": model["name"],
        "appkit": {
            "format": FORMAT,
            "version": VERSION,
            **header,
            "figures": {measure: _figure(figure, measures[measure]) for measure, figure in figures.items()},
            "samples": {"count": len(records), "sha256": samples_digest},
        },
    }


def _lm_eval_figures(figures: Mapping[str, Figure]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, figure in figures.items():
        metric, _, filters = name.partition(",")  # a name says which filters came before only where there are several
        found[f"{metric},{filters or 'none'}"] = figure.value
        error = figure.standard_error
        found[f"{metric}_stderr,{filters or 'none'}"] = "N/A" if error is None else error
    return found


def _config(task: Task, header: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "task": task.name,
        "output_type": task.output_type,
        "num_fewshot": task.num_fewshot,
        "settings": header["task"]["settings"],
        "metadata": {"version": task.version},
    }


def _sample_hash(record: Mapping[str, Any]) -> str:
    return "".join(record[name] for name in ("doc_hash", "prompt_hash", "target_hash"))


def _figure(figure: Figure, measure: Measure) -> dict[str, Any]:
    low, high = figure.interval or (None, None)
    return {
        "value": figure.value,
        "low": low,
        "high": high,
        "standard_error": figure.standard_error,
        "n": figure.n,
        "method": figure.method,
        "confidence": figure.confidence,
        "higher_is_better": measure.higher_is_better,
        "is_mean": measure.is_mean,
        "signature": measure.signature,
    }
