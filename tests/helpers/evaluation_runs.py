"""Folders of evaluation runs written by hand, in the layout of `appkit eval run`."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.harness.record import line_of, record_of
from eval.harness.task import Answered, Sample

NO_SETTINGS: Mapping[str, Any] = {}


def figure(value: float, low: float | None = None, high: float | None = None, **more: Any) -> dict[str, Any]:
    """A figure as results.json has it."""
    made = {"value": value, "low": low, "high": high, "standard_error": None, "n": 4, "method": "Wilson interval"}
    defaults = {"confidence": 0.95, "higher_is_better": True, "is_mean": True, "signature": "acc|v1"}
    return {**made, **defaults, **more}


def record(doc_id: int, question: str, answer: str, target: Any = "", **values: float) -> dict[str, Any]:
    """A line of samples.jsonl."""
    prompt = f"Question: {question}\nAnswer:"
    sample = Sample(doc_id=doc_id, doc={"question": question}, target=target)
    answered = Answered(arguments=[(prompt, {"until": ["\n"]})], resps=[answer], filtered_resps=[answer], values=values)
    return record_of(sample, answered)


def write_run(
    folder: Path,
    records: Sequence[Mapping[str, Any]],
    figures: Mapping[str, Mapping[str, Any]],
    *,
    task: str = "sums",
    model: str = "tiny",
    settings: Mapping[str, Any] = NO_SETTINGS,
    conditions: Mapping[str, Any] = NO_SETTINGS,
) -> Path:
    """Write the three files of a finished run; gives `folder` back."""
    folder.mkdir(parents=True)
    lines = b"".join(map(line_of, records))
    ours = {
        "format": "appkit-evaluation",
        "version": 1,
        "package": "0.1.0",
        "task": {"name": task, "version": "1", "output_type": "generate_until", "num_fewshot": 0, "settings": settings},
        "model": {"name": model, "kind": "local", "digest": "ab" * 32, "backend": "cpu"},
        "figures": figures,
        "samples": {"count": len(records), "sha256": hashlib.sha256(lines).hexdigest()},
    }
    results = {"results": {task: {"alias": task}}, "config": {"limit": None}, "appkit": ours}
    (folder / "results.json").write_text(json.dumps(results), "utf-8")
    (folder / "samples.jsonl").write_bytes(lines)
    recorded = {"command": f"appkit eval run {task}", **conditions}
    (folder / "run.json").write_text(json.dumps(recorded), "utf-8")
    return folder
