"""What was run and how: a table with a column for each run, in which rows that differ are marked."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from appkit import strict_json
from appkit.errors import EvaluationError
from eval.harness.run_files import CONDITIONS, MAX_JSON_BYTES
from eval.harness.stored_run import Run
from eval.reports.listed_runs import ListedRun, by_task, run_name
from eval.reports.markup import append_, element
from eval.reports.page_text import page_texts, text
from eval.reports.sample_text import shortened

MAX_ROWS = 200
MAX_OPEN = 2  # tasks whose tables are unfolded from the beginning
MAX_CELL_CHARS = 2_000
MAX_NAME_CHARS = 200

# Facts of a run that differ between any two runs, and so say nothing about whether two compare.
_ALWAYS_DIFFER = ("command", "started", "seconds", "folder")


def conditions_section(runs: Sequence[ListedRun]) -> Element:
    """Model, settings, command, date and machine of each run, a table a task."""
    section = element("section", {"id": "runs"}, text("h2", "runs"))
    tasks = by_task(runs)
    for task, of_task in tasks.items():
        fold = element("details", {"open": ""} if len(tasks) <= MAX_OPEN else {})
        fold.append(element("summary", {}, element("bdi", {}, task)))
        append_(fold, _task_table(of_task))
        section.append(fold)
    return section


def _task_table(runs: Sequence[ListedRun]) -> Iterator[Element]:
    facts = [dict(_facts(listed.run)) for listed in runs]
    names = list(dict.fromkeys(name for of_run in facts for name in of_run))
    head = element("tr", {}, element("td"), *(element("th", {"scope": "col"}, run_name(run)) for run in runs))
    rows = [_row(name, [of_run.get(name, "") for of_run in facts]) for name in names[:MAX_ROWS]]
    table = element("table", {"class": "conditions"}, element("thead", {}, head), element("tbody", {}, *rows))
    yield element("div", {"class": "scroll", "tabindex": "0", "role": "group", "data-label": "runs"}, table)
    if len(names) > MAX_ROWS:
        yield text("p", "facts_left", {"class": "warning"}, count=len(names) - MAX_ROWS)


def _row(name: str, values: Sequence[str]) -> Element:
    differs = len(set(values)) > 1
    label = text("span", f"fact_{name}") if f"fact_{name}" in page_texts() else element("bdi", {}, name)
    heading = element("th", {"scope": "row"}, label)
    if differs and name not in _ALWAYS_DIFFER:
        heading.append(text("span", "differs", {"class": "differs"}))
    row = element("tr", {}, heading)
    for value in values:
        tag = "code" if name in ("command", "folder", "digest") else "bdi"
        row.append(element("td", {}, element(tag, {}, value)))
    return row


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    """Everything that the files of a run say of it, flat, by the name it is shown under."""
    ours = run.results["appkit"]
    for part in ("task", "model"):
        yield part, ours[part]["name"]
        yield from _flat("", {name: value for name, value in ours[part].items() if name not in ("name", "settings")})
    yield from _flat("", {f"settings.{name}": value for name, value in ours["task"]["settings"].items()})
    config = run.results.get("config")
    yield from _flat("", {"limit": config.get("limit") if isinstance(config, dict) else None})
    yield from _flat("", _recorded(run.folder / CONDITIONS))
    yield "folder", str(run.folder)


def _recorded(path: Path) -> dict[str, Any]:
    """Command, date and machine; nothing where nobody noted them."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_JSON_BYTES + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise EvaluationError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        recorded = strict_json.loads(content) if len(content) <= MAX_JSON_BYTES else None
    except (ValueError, RecursionError) as error:
        raise EvaluationError(f"{path} is not JSON: {str(error)[:200]}.") from error
    if not isinstance(recorded, dict):
        raise EvaluationError(f"{path} must hold a JSON object of at most {MAX_JSON_BYTES >> 20} MiB.")
    return recorded


def _flat(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Objects within objects under dotted names, lists as JSON."""
    for name, value in values.items():
        if isinstance(value, dict) and value and prefix.count(".") < 4:
            yield from _flat(f"{prefix}{name}.", value)
        elif value is not None:
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield shortened(f"{prefix}{name}", MAX_NAME_CHARS), _cut(shown)


def _cut(shown: str) -> str:
    left = len(shown) - MAX_CELL_CHARS
    return shown if left <= 0 else f"{shown[:MAX_CELL_CHARS]} … (+{left:,})"
