"""Which files a task is about, and which of their splits is evaluated."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from eval.yaml_tasks.fields import Fields
from eval.yaml_tasks.rows import FileKind

PLAIN_SPLIT = "train"  # of files that are not given by split, as the `datasets` package calls it


def read_kind(owner: Fields) -> FileKind:
    """What the files hold. Raises EvaluationError for a data set of a hub."""
    kind = owner.get("dataset_path")
    if owner.get("dataset_name") is not None:
        raise owner.error("dataset_name", "is a part of a data set on a hub; leave it out, and name files.")
    if kind in ("json", "csv"):
        return "json" if kind == "json" else "csv"
    raise owner.error(
        "dataset_path",
        f"is {kind!r}; only local files are read: save the rows as JSON Lines, and write dataset_path: json with "
        "dataset_kwargs: {data_files: {test: FILE.jsonl}}.",
    )


def read_data_files(owner: Fields) -> Mapping[str, tuple[str, ...]]:
    """Names of files by split. Raises EvaluationError."""
    given = owner.mapping("dataset_kwargs")
    given.check_keys(("data_files",))
    files = given.get("data_files")
    if files is None:
        raise owner.error("dataset_kwargs", "must hold data_files: the file of the rows, or 'split: file' lines.")
    by_split = files if isinstance(files, Fields) else {PLAIN_SPLIT: files}
    found = {split: tuple(names if isinstance(names, list) else [names]) for split, names in by_split.items()}
    for names in found.values():
        if not names or not all(isinstance(name, str) and name for name in names):
            raise given.error("data_files", f"holds {list(names)!r}; a split has a file, or a list of files.")
    return MappingProxyType(found)


def read_eval_split(owner: Fields, data_files: Mapping[str, Sequence[str]]) -> str:
    """The test split where there is one, else the validation split. Raises EvaluationError where there is neither."""
    for key in ("test_split", "validation_split"):
        if owner.get(key) is not None:
            return read_split(owner, key, data_files)
    raise owner.error("test_split", f"is missing: say which split is evaluated, of {', '.join(data_files)}.")


def read_split(owner: Fields, key: str, data_files: Mapping[str, Sequence[str]]) -> str:
    """The split that `key` names. Raises EvaluationError where it has no files."""
    split = owner[key]
    if not isinstance(split, str) or split not in data_files:
        raise owner.error(
            key,
            f"is {split!r}, and data_files has {', '.join(data_files)}; files without a split are {PLAIN_SPLIT!r}.",
        )
    return split
