"""Finds and reads data; what the project does not carry is in the folder that APPKIT_DATA, a variable, names."""

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

from appkit.errors import EvaluationDataError
from appkit.strict_json import loads

VARIABLE = "APPKIT_DATA"
MAX_BYTES = 256 << 20  # of one file, which is held in memory whole
# what each part of that folder holds and who publishes it, for people who have to find it
COLLECTIONS: Mapping[str, str] = MappingProxyType(
    {
        "clapnq": "CLAPNQ, its development questions as answerable.jsonl and unanswerable.jsonl (arXiv:2404.02103)",
        "cranfield": "the Cranfield abstracts and queries as cran.all.1400.xml, cran.qry.xml and cranqrel.trec.txt",
        "gsm8k": "GSM8K, the first 400 problems of its test part as test-400.jsonl (arXiv:2110.14168)",
        "wikitext2": "WikiText-2, its validation text with <unk> as valid.txt (arXiv:1609.07843)",
    }
)


def data_path(name: str) -> Path:
    """The file or folder `name` of the data folder, "gsm8k/test-400.jsonl" for one; it exists.

    Raises:
        EvaluationDataError: APPKIT_DATA is not set, or nothing is there under this name.
    """
    collection = PurePosixPath(name).parts[0]
    what = COLLECTIONS.get(collection, "part of the evaluation data")
    folder = os.environ.get(VARIABLE)
    if not folder:
        raise EvaluationDataError(
            f"{name} is needed and not part of this package: {what}; set {VARIABLE} to the folder that holds "
            f"{collection}.",
            name,
        )
    path = Path(folder, name)
    if not path.exists():
        raise EvaluationDataError(
            f"{name} is not in {folder}, where {VARIABLE} points: {what}; put it there, or set {VARIABLE} to the "
            f"folder that holds {collection}.",
            str(path),
        )
    return path


def read_text(path: Path) -> str:
    """The text of a UTF-8 file as it is, line breaks included.

    Raises:
        EvaluationDataError: it is not there, no file, too large, or not UTF-8.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise EvaluationDataError(f"{path} cannot be read: {error.strerror}.", str(path)) from error
    if len(content) > MAX_BYTES:
        raise EvaluationDataError(f"{path} is larger than {MAX_BYTES >> 20} MiB: give a part of it.", str(path))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise EvaluationDataError(
            f"{path} is not UTF-8 text: byte {error.start} is {content[error.start]:#04x}.", str(path)
        ) from error


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSONL file, one a line; blank lines are skipped.

    Raises:
        EvaluationDataError: as `read_text`, or a line that is no JSON object.
    """
    rows = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = loads(line)
        except (ValueError, RecursionError) as error:
            raise EvaluationDataError(f"Line {number} of {path} is not JSON: {error}.", str(path)) from error
        if not isinstance(row, dict):
            raise EvaluationDataError(f"Line {number} of {path} is {line[:40]!r}; it should be an object.", str(path))
        rows.append(row)
    return rows
