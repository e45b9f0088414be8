"""The pages of `eval/results`: figures of several runs in one JSON file, and a Markdown page made from it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parents[1] / "results"

Figures = dict[str, Any]


def write_results(
    name: str, run: str, figures: Figures, *, title: str, about: str, as_markdown: Callable[[Figures], str],
    folder: Path = RESULTS,
) -> Path:  # fmt: skip
    """Put the figures of one run into `<name>.json`, in place of an earlier one of that name, and write `<name>.md`.

    Args:
        run: what tells runs apart, such as the embedder.
        figures: as `provenance` and the task give them.
        about: what was measured, in Markdown; stands above the runs.
        as_markdown: the section of one run.

    Returns:
        The page.
    """
    data, page = folder / f"{name}.json", folder / f"{name}.md"
    runs: dict[str, Figures] = json.loads(data.read_text("utf-8")) if data.exists() else {}
    runs[run] = figures
    data.write_text(json.dumps(dict(sorted(runs.items())), ensure_ascii=False, indent=1) + "\n", "utf-8")
    sections = [f"{as_markdown(found)}\n\n{_source(found)}" for _, found in sorted(runs.items())]
    page.write_text("\n\n".join([f"# {title}", about.strip(), *sections]) + "\n", "utf-8")
    return page


def _source(figures: Figures) -> str:
    return f"`{figures['command']}`, {figures['date']}, {figures['machine']}, Python {figures['python']}."
