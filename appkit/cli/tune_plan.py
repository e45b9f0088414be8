"""`appkit tune plan DATA -m MODEL`: what a run takes, before it starts. The JSON shape is promised to scripts."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from appkit.cli.open_model import with_models
from appkit.cli.options import JsonOption
from appkit.cli.texts import text
from appkit.cli.tune_options import config_of_command, takes_run_options

if TYPE_CHECKING:
    from appkit.tuning import TunePlan
    from runtime import PlannedChange, TrainingPlan

_OPTIONS = {
    "batch_tokens": "--batch-tokens",
    "checkpoint_activations": "--checkpoint-activations",
    "keep_quantized": "--quantized",
    "last_layers": "--last-layers",
    "rank": "--rank",
}


@takes_run_options
def plan(
    ctx: typer.Context,
    with_probe: Annotated[
        bool, typer.Option("--probe/--no-probe", help="Run a few batches, about two seconds, to tell the time.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Tell memory and time of a run, and what to change where it does not fit, with the options of `tune run`.

    Leaves with status 1 where it does not fit.
    """
    from appkit.tuning import plan_tuning

    options = config_of_command(ctx)
    if options.model.startswith("openai:"):
        raise ValueError(text("tune_needs_weights", model=options.model))
    found = with_models(lambda: plan_tuning(options, with_probe=with_probe))
    if as_json:
        from appkit.cli.printable import json_text

        typer.echo(json_text(_as_json(found)))
    else:
        for line in _lines(found, was_probed=with_probe):
            typer.echo(line)
    if not found.training.fits:
        raise typer.Exit(1)


def _lines(found: "TunePlan", *, was_probed: bool) -> Iterator[str]:
    from appkit.cli.tune_progress import duration

    training, config = found.training, found.config
    yield text(
        "tune_plan_run",
        method=config.method,
        parameters=training.num_parameters,
        share=training.num_parameters / training.num_model_parameters,
        model_parameters=training.num_model_parameters,
    )
    yield text(
        "tune_plan_steps",
        steps=training.num_steps,
        epochs=config.epochs,
        tokens=training.num_tokens,
        longest=training.largest_batch.num_tokens,
    )
    yield ""
    yield text("tune_plan_memory")
    for part, size in training.memory.items():
        if size:
            yield f"  {_mebibytes(size)}  {text(f'tune_plan_part_{part}')}"
    yield text("tune_plan_peak", size=_mebibytes(training.peak_bytes))
    if training.available_bytes is None:
        yield text("tune_plan_unknown")
    else:
        yield text("tune_plan_available", size=_mebibytes(training.available_bytes))
    yield text("tune_plan_full", size=_mebibytes(training.full_bytes).strip())
    yield ""
    yield text("tune_plan_work", flops=training.flops, share=training.flops / training.full_flops)
    if training.seconds is not None and training.tokens_per_s is not None:
        yield text("tune_plan_time", time=duration(training.seconds), speed=training.tokens_per_s)
    elif was_probed:
        yield text("tune_plan_not_probed")
    if not training.fits:
        yield ""
        yield from _advice(training)


def _advice(training: "TrainingPlan") -> Iterator[str]:
    """Options that make it fit, in the order to try them, with their figures."""
    yield text("tune_plan_too_large")
    for change in training.changes:
        yield text(
            "tune_plan_change",
            option=_option(change).ljust(26),
            alone=_mebibytes(change.peak_bytes),
            together=_mebibytes(change.peak_bytes_with_earlier),
        )
        if change.num_longer:
            yield text("tune_plan_longer", count=change.num_longer, limit=change.value)
    available = training.available_bytes or 0
    if all(change.peak_bytes_with_earlier > available for change in training.changes):
        yield text("tune_plan_never")


def _option(change: "PlannedChange") -> str:
    option = _OPTIONS[change.kind]
    return option if change.value is None else f"{option} {change.value}"


def _mebibytes(num_bytes: int) -> str:
    return f"{num_bytes / (1 << 20):>9,.0f} MiB"


def _as_json(found: "TunePlan") -> dict[str, Any]:
    training = found.training
    return {
        "model": found.config.model,
        "method": found.config.method,
        "steps": training.num_steps,
        "tokens": training.num_tokens,
        "largest_batch_tokens": training.largest_batch.num_tokens,
        "parameters": training.num_parameters,
        "model_parameters": training.num_model_parameters,
        "memory_bytes": dict(training.memory),
        "peak_bytes": training.peak_bytes,
        "available_bytes": training.available_bytes,
        "fits": training.fits,
        "full_bytes": training.full_bytes,
        "flops": training.flops,
        "full_flops": training.full_flops,
        "seconds": None if training.seconds is None else round(training.seconds, 1),
        "tokens_per_s": None if training.tokens_per_s is None else round(training.tokens_per_s, 1),
        "changes": [
            {
                "option": _OPTIONS[change.kind],
                "value": change.value,
                "peak_bytes": change.peak_bytes,
                "peak_bytes_with_earlier": change.peak_bytes_with_earlier,
                "longer_sequences": change.num_longer,
            }
            for change in training.changes
        ],
    }
