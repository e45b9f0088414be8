"""A task's file with the files that it includes: `include` names one or several beside it, whose fields it starts from.

Of two fields of one name the later file's counts, and the file's own before all, as in lm-evaluation-harness 0.4.13.
"""

from pathlib import Path, PurePosixPath

from eval.yaml_tasks.fields import Fields
from eval.yaml_tasks.strict_yaml import read_task_file

MAX_FILES = 20


def read_with_includes(path: Path) -> Fields:
    """The fields of the file and of what it includes; each still knows the file it stands in.

    Raises:
        EvaluationError: a file cannot be read, is named twice, or lies elsewhere than below the folder of the one that
            names it.
    """
    return _read(path, {path.resolve()})


def _read(path: Path, seen: set[Path]) -> Fields:
    own = read_task_file(path)
    if "include" not in own:
        return own
    named = own["include"]
    merged = Fields(path, "")
    for name in named if isinstance(named, list) else [named]:
        merged.take(_read(_included(own, name, seen), seen))
    merged.take(own)
    del merged["include"]
    return merged


def _included(own: Fields, name: object, seen: set[Path]) -> Path:
    if not isinstance(name, str) or not name or "\0" in name:
        raise own.error("include", f"holds {name!r}; give the name of a file.")
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise own.error("include", f"names {name!r}, which leads out of the folder; put the file beside this one.")
    path = own.path.parent / name
    if not path.is_file():
        raise own.error("include", f"names {path}, and there is no such file.")
    if path.resolve() in seen:
        raise own.error("include", f"names {path}, which was read already; a file is included once.")
    if len(seen) >= MAX_FILES:
        raise own.error("include", f"makes more than {MAX_FILES} files; write the fields into fewer.")
    seen.add(path.resolve())
    return path
