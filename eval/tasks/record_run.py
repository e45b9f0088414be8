"""Puts the figures of finished runs into `eval/results`, on the page of their task.

    python -m eval.tasks.record_run RUN…

RUN is the folder that `appkit eval run` names. A run with the same task, settings, model and limit is replaced.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from appkit.errors import EvaluationError
from eval.harness.model_identity import NO_MODEL
from eval.harness.registry import PYTHON_TASKS, find_task
from eval.harness.run import Run, load_run
from eval.harness.run_files import CONDITIONS
from eval.metrics import Figure
from eval.tasks.results import RESULTS, write_results


def record_run(run: Run, folder: Path = RESULTS) -> Path:
    """Write a run's figures, and how to get them again, into `<task>.json` and `<task>.md`; the latter's path.

    A task module may have `facts(samples)`: more that its page says, such as how many tokens were scored.

    Raises:
        EvaluationError: the run's files are not what a run leaves.
    """
    conditions = _conditions(run)
    limit = run.results["config"].get("limit")
    model = [] if run.model == NO_MODEL.name else [run.model]
    settings = [f"{name} {value}" for name, value in run.task_settings.items() if value is not None]
    name = ", ".join([*settings, *model, *([f"limit {limit}"] if limit else [])])
    figures = {
        "run": name,
        "figures": {name: _as_json(figure) for name, figure in run.figures.items()},
        "signatures": {measure.name: measure.signature for measure in run.measures if measure.signature},
        "facts": _facts(run),
        "command": _command(run.task, _chosen(run), model, limit),
        "date": conditions["started"][:10],
        "machine": conditions["machine"],
        "python": conditions["python"],
    }
    return write_results(
        run.task, name, figures, title=run.task, about=_about(run.task), as_markdown=as_markdown,
        folder=folder,
    )  # fmt: skip


def as_markdown(figures: Mapping[str, Any]) -> str:
    """One run as a section."""
    rows = [f"| {name} | {_shown(stored)} |" for name, stored in figures["figures"].items()]
    table = "\n".join(["| measure | value | 95 % | samples | interval by |", "|---|---|---|---|---|", *rows])
    facts = ["- " + "\n- ".join(f"{name}: {value}" for name, value in figures["facts"].items())]
    signatures = ["Signatures: " + "; ".join(f"{name} `{text}`" for name, text in figures["signatures"].items()) + "."]
    return "\n\n".join([
        f"## {figures['run']}",
        table,
        *(facts if figures["facts"] else []),
        *(signatures if figures["signatures"] else []),
    ])  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 1 where a folder holds no run, with a sentence that says so."""
    parser = argparse.ArgumentParser(prog="python -m eval.tasks.record_run", description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="+", type=Path, help="the folder of a finished run")
    options = parser.parse_args(arguments)
    try:
        for folder in options.run:
            sys.stdout.write(f"{record_run(load_run(folder))}\n")
    except EvaluationError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _conditions(run: Run) -> Mapping[str, str]:
    path = run.folder / CONDITIONS
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise EvaluationError(f"{path} does not say when and where the run was made: {error}.") from error
    if not isinstance(found, dict) or not all(isinstance(found.get(n), str) for n in ("started", "machine", "python")):
        raise EvaluationError(f"{path} does not say when and where the run was made.")
    return found


def _chosen(run: Run) -> dict[str, Any]:
    """The settings that are not the task's own."""
    try:
        usual = find_task(run.task).settings
    except ValueError as error:  # it must be told something, such as the run to judge
        raise EvaluationError(
            f"{run.task} is about another run, which is in no command that others could give: its page would not say "
            "how to get the figures again."
        ) from error
    return {name: value for name, value in run.task_settings.items() if usual.get(name) != value}


def _command(task: str, settings: Mapping[str, Any], model: Sequence[str], limit: int | None) -> str:
    words = ["appkit", "eval", "run", task]
    words += [word for name in model for word in ("-m", name)]
    words += ["--limit", str(limit)] if limit else []
    words += [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    return shlex.join(words)


def _about(task: str) -> str:
    """What the task's own module says of it."""
    if task not in PYTHON_TASKS:
        return find_task(task).about
    return "\n\n".join(_paragraphs(import_module(PYTHON_TASKS[task]).__doc__ or ""))


def _paragraphs(text: str) -> Iterator[str]:
    return (" ".join(part.split()) for part in text.strip().split("\n\n"))


def _facts(run: Run) -> dict[str, str]:
    facts = getattr(import_module(PYTHON_TASKS[run.task]), "facts", None) if run.task in PYTHON_TASKS else None
    return dict(facts(run.samples)) if facts else {}


def _as_json(figure: Figure) -> dict[str, Any]:
    low, high = figure.interval or (None, None)
    return {"value": figure.value, "low": low, "high": high, "n": figure.n, "method": figure.method}


def _shown(stored: Mapping[str, Any]) -> str:
    interval = "" if stored["low"] is None else f"{stored['low']:.4g} to {stored['high']:.4g}"
    return f"{stored['value']:.4g} | {interval} | {stored['n']:,} | {stored['method']}"


if __name__ == "__main__":
    sys.exit(main())
