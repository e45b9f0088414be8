"""Results pages: a run replaces its earlier self and leaves the others."""

import json
from pathlib import Path

from eval.tasks.results import write_results

SOURCE = {"command": "python -m x", "date": "2026-01-31", "machine": "two cores", "python": "3.11"}


def write(folder: Path, run: str, value: float) -> str:
    figures = {"value": value, **SOURCE}
    page = write_results(
        "toy", run, figures, title="Toy", about="What it is.", folder=folder,
        as_markdown=lambda found: f"## {run if found['value'] == value else 'other'}: {found['value']}",
    )  # fmt: skip
    return page.read_text("utf-8")


def test_a_run_replaces_its_earlier_self_and_leaves_the_others(tmp_path: Path) -> None:
    write(tmp_path, "b", 1.0)
    write(tmp_path, "a", 2.0)
    page = write(tmp_path, "b", 3.0)
    assert "other: 2.0" in page
    assert "b: 3.0" in page
    assert {run: found["value"] for run, found in json.loads((tmp_path / "toy.json").read_text()).items()} == {
        "a": 2.0, "b": 3.0,
    }  # fmt: skip


def test_a_page_says_where_its_figures_come_from(tmp_path: Path) -> None:
    assert "`python -m x`, 2026-01-31, two cores, Python 3.11." in write(tmp_path, "a", 1.0)
