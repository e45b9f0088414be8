"""What a run is of: task, model and package. Samples of two runs mix only where all of it is equal."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from appkit import __version__
from appkit.errors import EvaluationError
from eval.harness.model_identity import ModelIdentity
from eval.harness.task import Task
from runtime.files import data_dir

_MAX_NAME = 60
_MAX_SHOWN = 60


PARTS = ("package", "task", "model")


def header_of(task: Task, model: ModelIdentity) -> dict[str, Any]:
    """As JSON: everything that a sample's outcome depends on.

    Raises:
        EvaluationError: the settings of the task are not JSON.
    """
    facts = {
        "name": task.name,
        "version": task.version,
        "output_type": task.output_type,
        "num_fewshot": task.num_fewshot,
        "settings": dict(task.settings),
    }
    header = {"package": __version__, "task": facts, "model": model.as_json()}
    try:
        plain: dict[str, Any] = json.loads(json.dumps(header, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise EvaluationError(f"The settings of {task.name} are not JSON: {error}. The task is at fault.") from error
    return plain


def default_folder(header: Mapping[str, Any]) -> Path:
    """Where a run is kept unless it is said otherwise: one folder for each header."""
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode()).hexdigest()
    model = f"{as_file_name(header['model']['name'])}-{digest[:8]}"
    return data_dir() / "evaluations" / as_file_name(header["task"]["name"]) / model


def check_same(there: Mapping[str, Any], here: Mapping[str, Any], folder: Path) -> None:
    """Raise EvaluationError, which names what differs, unless the run in `folder` is of the same task and model."""
    found = differing(there, here)
    if not found:
        return
    first = ", ".join(f"{name} is {shown(old)} there and {shown(new)} here" for name, old, new in found[:3])
    more = f", and {len(found) - 3} more differ" if len(found) > 3 else ""
    raise EvaluationError(
        f"{folder} holds another run: {first}{more}. Their samples are not mixed: give another folder, or begin anew "
        "with --fresh (fresh=True)."
    )


def differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """What is not the same in two headers: (dotted name, value in `a`, value in `b`), None where there is none."""
    in_a, in_b = dict(_flat(a)), dict(_flat(b))
    return [(name, in_a.get(name), in_b.get(name)) for name in {**in_a, **in_b} if in_a.get(name) != in_b.get(name)]


def shown(value: Any) -> str:
    """A value of a header on one line, shortened."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Values under dotted names: "task.settings.window"."""
    if isinstance(value, Mapping) and value:
        for key, part in value.items():
            yield from _flat(part, f"{name}.{key}" if name else key)
    else:
        yield name, value


def as_file_name(name: str) -> str:
    """The part of a name that any file system takes; the digest beside it tells apart what becomes alike."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")[:_MAX_NAME] or "unnamed"
