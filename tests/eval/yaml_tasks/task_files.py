"""Writes task files and their rows for tests."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.yaml_tasks.task import YamlTask, load_yaml_task

HEAD = "dataset_path: json\ndataset_kwargs: {data_files: {test: rows.jsonl}}\ntest_split: test\n"
WRITING = HEAD + "doc_to_text: q\ndoc_to_target: a\n"
ROWS = ({"q": "one?", "a": "1"}, {"q": "two?", "a": "2"}, {"q": "three?", "a": "3"})


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Rows as JSON Lines."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def write_task(folder: Path, text: str, rows: Sequence[Mapping[str, Any]] = ROWS) -> Path:
    """A task file `task.yaml` and its `rows.jsonl`."""
    write_rows(folder / "rows.jsonl", rows)
    path = folder / "task.yaml"
    path.write_text(text, "utf-8")
    return path


def make_task(
    folder: Path, text: str, rows: Sequence[Mapping[str, Any]] = ROWS, settings: Mapping[str, Any] | None = None
) -> YamlTask:
    """The task that `text` describes, over `rows`."""
    return load_yaml_task(write_task(folder, text, rows), settings or {})
