"""`appkit adapters`: what an adapter is, merging it into a model, tying it to another file of its model."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from appkit.cli.options import DEFAULT_MODEL, JsonOption, ModelOption
from appkit.cli.texts import text

if TYPE_CHECKING:
    from runtime import AdapterInfo, AdapterWeights, LogitDrift, MergeReport, Model

# Read by the unmerged and the merged model, whose logits are compared: prose, code and Chinese.
_SAMPLE = (
    "The garden behind the house had not been tended for years, and yet something bloomed there every spring. "
    "def area(width, height):\n    return width * height\n\n从前有座山，山里有座庙，庙里有个老和尚在讲故事。"
)
_MUCH = 0.2  # of an adapter's change, lost to rounding: it is heard

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Look at adapters, merge them into models, tie them to another file of their model.",
)

AdapterArgument = Annotated[Path, typer.Argument(metavar="FOLDER", help="The adapter's folder.")]


@app.command()
def info(
    folder: AdapterArgument,
    model: Annotated[
        str | None, typer.Option("-m", "--model", help="Also hold it against this model: a catalog name or a file.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what an adapter is and what it was trained on."""
    from appkit.cli.printable import json_text
    from runtime import describe_peft, read_peft

    found = describe_peft(folder)
    if model is not None:
        with _open(model) as base:
            read_peft(folder, base)
    if as_json:
        typer.echo(json_text(asdict(found)))
        return
    _print_info(found)
    if model is not None:
        typer.echo(text("adapter_fits", model=model))


@app.command()
def merge(
    folder: AdapterArgument,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="A .gguf file, or a folder for a Hugging Face checkpoint.")
    ],
    model: ModelOption = DEFAULT_MODEL,
    format: Annotated[
        str | None,
        typer.Option("--format", help="To store merged matrices in: Q8_0, F16…; else as each was, folders in BF16."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a model with the adapter in its weights, and say what rounding took of it."""
    from runtime import load_model, merge_to_gguf, merge_to_safetensors, read_peft

    with _open(model) as base:
        adapter = read_peft(folder, base)
        if output.suffix != ".gguf":
            report = merge_to_safetensors(base, adapter, output, format=format or "BF16")
            logits = None
        else:
            report = merge_to_gguf(base, adapter, output, format=format)
            with load_model(output) as merged:
                logits = _compare(base, adapter, merged)
        if as_json:
            _print_json(report, logits)
        else:
            _print_report(report, logits, adapter=adapter.name, model=base.name)


@app.command()
def rebind(
    folder: AdapterArgument,
    model: Annotated[str, typer.Option("-m", "--model", help="The same model as it was trained on, stored otherwise.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder for the adapter that is tied to it.")],
) -> None:
    """Copy an adapter for another file of the model that it was trained on, such as one with more or fewer bits.

    Names and shapes are checked. Whether it is the same model is yours to know: on another one an adapter does harm.
    """
    from runtime import describe_peft, read_peft, write_peft

    if output.exists() and output.samefile(folder):
        raise ValueError(text("adapter_same_folder", path=output))
    with _open(model) as base:
        use_rslora = describe_peft(folder).kind.startswith("rsLoRA")
        write_peft(output, read_peft(folder, base, check_base=False), base, use_rslora=use_rslora)
        typer.echo(text("adapter_rebound", path=output, model=base.name))


def _open(model: str) -> "Model":
    from appkit.cli.open_model import with_models
    from runtime import load_model

    return with_models(lambda: load_model(model))


def _compare(base: "Model", adapter: "AdapterWeights", merged: "Model") -> "LogitDrift":
    import numpy as np

    from runtime import compare_logits

    ids = np.array(base.tokenizer.encode(_SAMPLE, add_special=True), np.int32)[: base.config.max_seq_len]
    return compare_logits(base, adapter, merged, ids)


def _print_info(found: "AdapterInfo") -> None:
    from appkit.cli.printable import on_one_line

    modules = ", ".join(f"{name} ×{count}" for name, count in found.modules.items())
    rows = {
        "name": found.name,
        "kind": found.kind,
        "base model": found.base_model or text("adapter_no_base"),
        "base weights": found.base_sha256 or text("adapter_no_base"),
        "rank": ", ".join(map(str, found.ranks)),
        "modules": modules,
        "virtual tokens": f"{found.num_virtual_tokens}" if found.num_virtual_tokens else "",
        "parameters": f"{found.num_parameters:,}",
        "size": f"{found.num_bytes / 1e6:,.1f} MB",
    }
    for label, value in rows.items():
        if value:
            typer.echo(f"{label + ':':15} {on_one_line(value)}")


def _print_report(report: "MergeReport", logits: "LogitDrift | None", *, adapter: str, model: str) -> None:
    worst = max(report.modules, key=lambda drift: drift.error)
    formats = ", ".join(sorted({drift.format for drift in report.modules}))
    count = len(report.modules)
    typer.echo(text("adapter_merged", path=report.path, adapter=adapter, model=model, count=count))
    typer.echo(text("adapter_drift", format=formats, lost=report.lost, worst=worst.module, worst_lost=worst.lost))
    if logits is None:
        typer.echo(text("adapter_merged_folder"))
    else:
        typer.echo(text("adapter_logits", **asdict(logits)))
    if report.lost > _MUCH:
        typer.echo(text("adapter_drift_large"), err=True)


def _print_json(report: "MergeReport", logits: "LogitDrift | None") -> None:
    from appkit.cli.printable import json_text

    modules = [asdict(drift) | {"lost": _or_none(drift.lost)} for drift in report.modules]
    whole: dict[str, Any] = {"path": str(report.path), "lost": _or_none(report.lost), "modules": modules}
    typer.echo(json_text(whole | {"logits": None if logits is None else asdict(logits)}))


def _or_none(share: float) -> float | None:
    """JSON has no infinity: a matrix that the adapter does not change has no share to lose."""
    return share if math.isfinite(share) else None
