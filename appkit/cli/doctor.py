"""`appkit doctor`: what this machine offers, what is installed, what is missing and how to get it."""

import json as json_module
import platform
import sys
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from appkit.cli.texts import text

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)

_PACKAGES = ("appkit-llm", "numpy", "jinja2", "tiktoken", "tokenizers", "llguidance", "pydantic", "prompt-toolkit")
_EXTRAS = {
    # extra: (module to look for, what it is for)
    "torch": ("sentence_transformers", "the reference backend and sentence-transformers models"),
    "train": ("torch", "fine-tuning"),
    "gpu": ("triton", "GPU kernels"),
    "serve": ("starlette", "the HTTP server"),
    "hub": ("huggingface_hub", "resuming downloads from the Hugging Face hub"),
}
_LOW_DISK_BYTES = 1 << 30


@app.command()
def doctor(
    model: Annotated[str | None, typer.Option("-m", "--model", help="Load this model too and say what it is.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Check machine and installation; ends with problems and their fixes. Exit status 1 where there are any."""
    report = examine(model)
    if json:
        typer.echo(json_module.dumps(report, ensure_ascii=False, indent=2))
    else:
        _print_report(report)
    if report["problems"]:
        raise typer.Exit(1)


def examine(model: str | None = None) -> dict[str, Any]:
    """Everything the doctor finds, as plain values: machine, disk, packages, extras, kernels, model, problems."""
    from appkit.cli.machine import free_disk_bytes, read_machine
    from appkit.cli.name_clashes import find_name_clashes

    problems = [asdict(problem) for problem in find_name_clashes()]
    report: dict[str, Any] = {
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "machine": asdict(read_machine()),
        "packages": {name: _version(name) for name in _PACKAGES},
        "extras": {extra: _is_here(module) for extra, (module, _) in _EXTRAS.items()},
    }
    problems += [
        {"what": f"{name} is not installed.", "fix": "pip install --force-reinstall appkit-llm"}
        for name, found in report["packages"].items()
        if found is None
    ]
    if not any("called runtime" in problem["what"] for problem in problems):
        folder = _data_dir()
        free = free_disk_bytes(folder)
        report["data"] = {"folder": str(folder), "free_bytes": free}
        if free < _LOW_DISK_BYTES:
            problems.append(
                {
                    "what": f"Only {free / 1e6:,.0f} MB are free at {folder}, where models are kept.",
                    "fix": "Free some space, or set APPKIT_HOME to a folder on another disk.",
                }
            )
        report["kernels"] = _examine_kernels(problems)
        if model is not None:
            report["model"] = _examine_model(model, problems)
    report["problems"] = problems
    return report


def _data_dir() -> Path:
    from runtime.files import data_dir

    return data_dir()


def _examine_kernels(problems: list[dict[str, str]]) -> dict[str, Any]:
    """What the CPU backend runs on here."""
    from runtime import get_backend
    from runtime.errors import KernelUnavailableError

    try:
        facts: dict[str, Any] = get_backend("cpu").describe()
        return facts
    except KernelUnavailableError as error:
        problems.append(
            {
                "what": f"The compiled CPU kernels cannot be loaded: {error.__cause__ or error}.",
                "fix": "With a C++ compiler at hand: pip install --force-reinstall --no-cache-dir appkit-llm",
            }
        )
        return {}


def _examine_model(name: str, problems: list[dict[str, str]]) -> dict[str, Any]:
    from runtime import load_model
    from runtime.errors import ModelRuntimeError

    try:
        with load_model(name) as model:
            return model.describe()
    except ModelRuntimeError as error:
        problems.append({"what": str(error), "fix": "appkit models list shows what there is."})
        return {}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _is_here(module: str) -> bool:
    return find_spec(module) is not None


def _print_report(report: dict[str, Any]) -> None:
    machine = report["machine"]
    quota = "" if machine["cpu_quota"] is None else f", quota {machine['cpu_quota']:g}"
    limit = machine["memory_limit_bytes"]
    rows = [
        ("Python", report["python"]),
        ("System", report["system"]),
        ("Processor", f"{machine['processor']} ({', '.join(machine['instruction_sets']) or 'no flags known'})"),
        ("CPUs", f"{machine['cpus']}, {machine['cpus_allowed']} allowed{quota}"),
        (
            "Memory",
            f"{_gb(machine['memory_bytes'])}, {_gb(machine['memory_available_bytes'])} available"
            + (f", limit {_gb(limit)}" if limit else ""),
        ),
    ]
    if "data" in report:
        rows.append(("Data", f"{report['data']['folder']}, {_gb(report['data']['free_bytes'])} free"))
    rows += [("Kernels" if idx == 0 else "", line) for idx, line in enumerate(_lines(report.get("kernels", {})))]
    rows += [("Packages", ", ".join(f"{name} {found or 'MISSING'}" for name, found in report["packages"].items()))]
    rows += [("Model" if idx == 0 else "", line) for idx, line in enumerate(_lines(report.get("model", {})))]
    for extra, is_here in report["extras"].items():
        purpose = _EXTRAS[extra][1]
        state = "installed" if is_here else f"not installed: pip install 'appkit-llm[{extra}]'"
        rows.append((f"[{extra}]", f"{purpose}: {state}"))
    for name, value in rows:
        typer.echo(f"{name:<10} {value}")
    typer.echo("")
    if not report["problems"]:
        typer.echo(text("doctor_healthy"))
        return
    typer.echo(text("doctor_problems"))
    for problem in report["problems"]:
        typer.echo(f"- {problem['what']}")
        typer.echo(text("doctor_fix", fix=problem["fix"]))


def _lines(facts: dict[str, Any]) -> list[str]:
    """`name: value`, with what a value holds joined by commas."""
    return [f"{name.replace('_', ' ')}: {_shown(value)}" for name, value in facts.items()]


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def _gb(num_bytes: int | None) -> str:
    return "unknown" if num_bytes is None else f"{num_bytes / 1e9:,.1f} GB"
