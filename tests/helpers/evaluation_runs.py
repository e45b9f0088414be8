"""Folders of evaluation runs written by hand, in the layout of `appkit eval run`."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def score(value: float, low: float | None = None, high: float | None = None, **more: Any) -> dict[str, Any]:
    """A figure as results.json has it."""
    figure = {"value": value, "low": low, "high": high, "standard_error": None, "n": 4, "method": "Wilson interval"}
    defaults = {"confidence": 0.95, "higher_is_better": True, "is_mean": True, "signature": "acc|v1"}
    return {**figure, **defaults, **more}


def sample(doc_id: int, question: str, answer: str, target: Any = "", **more: Any) -> dict[str, Any]:
    """A line of samples.jsonl; values of measures come as `acc=1.0`."""
    measures = [name for name, value in more.items() if isinstance(value, int | float)]
    return {
        "doc_id": doc_id,
        "doc": {"question": question},
        "target": target,
        "arguments": {"gen_args_0": {"arg_0": f"Question: {question}\nAnswer:", "arg_1": {"until": ["\n"]}}},
        "resps": [answer],
        "filtered_resps": [answer],
        "filter": "none",
        "metrics": measures,
        "doc_hash": hashlib.sha256(question.encode()).hexdigest(),
        **more,
    }


def write_run(
    folder: Path,
    samples: Sequence[Mapping[str, Any]],
    scores: Mapping[str, Mapping[str, Any]],
    *,
    task: str = "sums",
    model: str = "tiny",
    settings: Mapping[str, Any] | None = None,
    conditions: Mapping[str, Any] | None = None,
) -> Path:
    """Write the three files of a finished run; gives `folder` back."""
    folder.mkdir(parents=True)
    ours = {
        "format": "appkit-evaluation",
        "version": 1,
        "figures": scores,
        "task": {"name": task, "version": "1", "settings": settings or {}},
        "model": {"name": model, "kind": "local", "digest": "sha256:" + "ab" * 32},
    }
    results = {"results": {task: {"alias": task}}, "n-shot": {task: 0}, "appkit": ours}
    (folder / "results.json").write_text(json.dumps(results), "utf-8")
    lines = [json.dumps(line) + "\n" for line in samples]
    (folder / "samples.jsonl").write_text("".join(lines), "utf-8")
    (folder / "run.json").write_text(json.dumps(conditions or {"command": f"appkit eval run {task}"}), "utf-8")
    return folder
