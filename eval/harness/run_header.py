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
    model = f"{_as_file_name(header['model']['name'])}-{digest[:8]}"
    return data_dir() / "evaluations" / _as_file_name(header["task"]["name"]) / model


def check_same(there: Mapping[str, Any], here: Mapping[str, Any], folder: Path) -> None:
    """Raise EvaluationError, which names what differs, unless the run in `folder` is of the same task and model."""
    old, new = dict(_flat(there)), dict(_flat(here))
    differing = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    if not differing:
        return
    first = ", ".join(f"{name} is {_shown(old, name)} there and {_shown(new, name)} here" for name in differing[:3])
    more = f", and {len(differing) - 3} more differ" if len(differing) > 3 else ""
    raise EvaluationError(
        f"{folder} holds another run: {first}{more}. Their samples are not mixed: give another folder, or begin anew "
        "with --fresh (fresh=True)."
    )


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Values under dotted names: "task.settings.window"."""
    if isinstance(value, Mapping) and value:
        for key, part in value.items():
            yield from _flat(part, f"{name}.{key}" if name else key)
    else:
        yield name, value


def _shown(values: Mapping[str, Any], name: str) -> str:
    if name not in values:
        return "missing"
    text = json.dumps(values[name], ensure_ascii=False)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def _as_file_name(name: str) -> str:
    """The part of a name that any file system takes; the digest beside it tells apart what becomes alike."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")[:_MAX_NAME] or "unnamed"
