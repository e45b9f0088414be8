"""What a report needs of the files of a run: `results.json`, `samples.jsonl`, `run.json`.

They may come from anywhere, so sizes are bounded and every value is checked for what it is used as.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appkit import strict_json
from appkit.errors import EvaluationError
from eval.metrics import Figure

MAX_HEADER_BYTES = 16 << 20  # of results.json and run.json
MAX_LINE_BYTES = 64 << 20  # of one sample
MAX_MEASURES = 64


@dataclass(frozen=True, kw_only=True)
class Score:
    """A figure of a run under its name, with what must be equal for two to compare."""

    name: str
    figure: Figure
    signature: str
    higher_is_better: bool


@dataclass(frozen=True, kw_only=True)
class RunFiles:
    """One run: a task asked of a model."""

    folder: Path
    task: str
    model: str
    scores: tuple[Score, ...]  # the important one first
    task_facts: Mapping[str, Any]  # name, version, settings
    model_facts: Mapping[str, Any]  # name, kind, digest
    conditions: Mapping[str, Any]  # run.json: command, date, machine
    num_shots: int | None

    def samples(self) -> Iterator[dict[str, Any]]:
        """The samples in the order of `doc_id`, one at a time.

        Raises:
            EvaluationError: a line is no sample, too long, or out of order.
        """
        path = self.folder / "samples.jsonl"
        last = -1
        try:
            with path.open("rb") as file:
                for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES + 1), b""), 1):
                    sample = _checked_sample(line, path, number)
                    if sample["doc_id"] <= last:
                        raise EvaluationError(
                            f"{path}, line {number}: doc_id {sample['doc_id']} comes after {last}; the samples of a "
                            "run are in ascending order. Run the evaluation again with --fresh."
                        )
                    last = sample["doc_id"]
                    yield sample
        except OSError as error:
            raise EvaluationError(f"{path} cannot be read: {error.strerror}. Is {self.folder} a run?") from error


def read_run(folder: Path) -> RunFiles:
    """What the files of a run say, its samples left for later.

    Raises:
        EvaluationError: the folder holds no finished run, or what it holds is none that this build reads.
    """
    path = folder / "results.json"
    results = _read_object(path)
    ours = results.get("appkit")
    if not isinstance(ours, dict) or ours.get("format") != "appkit-evaluation" or ours.get("version") != 1:
        raise EvaluationError(f'{path} holds no evaluation of format "appkit-evaluation", version 1.')
    figures, task, model = (_object_of(ours, name, path) for name in ("figures", "task", "model"))
    if len(figures) > MAX_MEASURES:
        raise EvaluationError(f"{path} holds {len(figures)} figures; a report shows {MAX_MEASURES} of a run at most.")
    shots = _object_of(results, "n-shot", path) if "n-shot" in results else {}
    name = str(task.get("name", folder.name))
    conditions = folder / "run.json"
    return RunFiles(
        folder=folder,
        task=name,
        model=str(model.get("name", "")),
        scores=tuple(_score(measure, value, path) for measure, value in figures.items()),
        task_facts=task,
        model_facts=model,
        conditions=_read_object(conditions) if conditions.exists() else {},
        num_shots=shots[name] if isinstance(shots.get(name), int) else None,
    )


def _read_object(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_HEADER_BYTES + 1)
    except OSError as error:
        raise EvaluationError(
            f"{path} cannot be read: {error.strerror}. Give the folder that `appkit eval run` wrote and finished."
        ) from error
    if len(data) > MAX_HEADER_BYTES:
        raise EvaluationError(f"{path} is larger than {MAX_HEADER_BYTES:,} bytes, which no run writes.")
    return _parsed(data, str(path))


def _parsed(data: bytes, where: str) -> dict[str, Any]:
    try:
        value = strict_json.loads(data)
    except (ValueError, RecursionError) as error:
        raise EvaluationError(f"{where} is not JSON: {str(error) or 'it is nested too deeply'}.") from error
    if not isinstance(value, dict):
        raise EvaluationError(f"{where} must hold a JSON object, not {type(value).__name__}.")
    return value


def _object_of(owner: dict[str, Any], name: str, path: Path) -> dict[str, Any]:
    value = owner.get(name)
    if not isinstance(value, dict):
        raise EvaluationError(f"{path}: {name!r} must be an object, not {type(value).__name__}.")
    return value


def _score(measure: str, value: Any, path: Path) -> Score:
    try:
        ends = (value["low"], value["high"])
        figure = Figure(
            value=_number(value["value"]),
            interval=None if ends == (None, None) else (_number(ends[0]), _number(ends[1])),
            n=int(_number(value["n"])),
            method=str(value["method"]),
            standard_error=None if value.get("standard_error") is None else _number(value["standard_error"]),
            confidence=_number(value.get("confidence", 0.95)),
        )
        return Score(
            name=measure,
            figure=figure,
            signature=str(value.get("signature", "")),
            higher_is_better=bool(value.get("higher_is_better", True)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise EvaluationError(f"{path}: the figure {measure!r} is not one: {error!r}.") from error


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        raise TypeError(f"{str(value)[:40]} is no number")
    return float(value)


def _checked_sample(line: bytes, path: Path, number: int) -> dict[str, Any]:
    where = f"{path}, line {number}"
    if len(line) > MAX_LINE_BYTES:
        raise EvaluationError(f"{where} is longer than {MAX_LINE_BYTES:,} bytes, which no run writes.")
    sample = _parsed(line, where)
    doc_id = sample.get("doc_id")
    if isinstance(doc_id, bool) or not isinstance(doc_id, int) or doc_id < 0:
        raise EvaluationError(f"{where}: doc_id must be a number from 0, got {doc_id!r}.")
    return sample
