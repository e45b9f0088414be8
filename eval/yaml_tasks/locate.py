"""Finds the files a task names: beside the task's own file, in the data this project carries, or under APPKIT_DATA."""

import hashlib
import os
from pathlib import Path, PurePosixPath

from appkit.errors import EvaluationDataError
from eval.harness.data import COLLECTIONS, VARIABLE, data_path

OWN_DATA = Path(__file__).parents[1] / "data"
OWN_TASKS = Path(__file__).parents[1] / "tasks"


def locate(name: str, task_path: Path) -> Path:
    """The file `name` of a task; it exists.

    Args:
        name: relative, with no way out of a folder; absolute in a task of the user's own.

    Raises:
        EvaluationDataError: there is no such file, or the name leads elsewhere.
    """
    if "://" in name:
        raise EvaluationDataError(
            f"{task_path}: data_files names {name}, and nothing is fetched; download it, and name the file.", name
        )
    given = PurePosixPath(name)
    if ".." in given.parts or "\0" in name or "\\" in name:
        raise EvaluationDataError(
            f"{task_path}: data_files names {name!r}, which may not hold '..' or a backslash; put the file beside the "
            "task, or under APPKIT_DATA.",
            name,
        )
    if given.is_absolute():
        if task_path.resolve().is_relative_to(OWN_TASKS):
            raise EvaluationDataError(f"{task_path}: data_files names {name}; a path here is relative.", name)
        return _existing(Path(name), task_path)
    data_folder = os.environ.get(VARIABLE)
    for folder in (task_path.parent, OWN_DATA, *([Path(data_folder)] if data_folder else [])):
        if (folder / given).is_file():
            return folder / given
    if given.parts and given.parts[0] in COLLECTIONS:
        return _existing(data_path(name), task_path)  # says who publishes what is missing
    raise EvaluationDataError(
        f"{task_path}: data_files names {name}, which is neither beside the task nor in the folder of {VARIABLE}, "
        f"{data_folder or 'which is not set'}.",
        name,
    )


def digest(paths: list[Path]) -> str:
    """SHA-256 of files, one after the other."""
    found = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()


def _existing(path: Path, task_path: Path) -> Path:
    if not path.is_file():
        raise EvaluationDataError(f"{task_path}: data_files names {path}, and there is no such file.", str(path))
    return path
