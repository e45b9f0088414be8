"""Reads the files of runs. They may come from anywhere: sizes are bounded, and everything is checked."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from appkit import strict_json
from appkit.errors import EvaluationError
from eval.harness.record import MAX_LINE_BYTES, parse_line

FORMAT = "appkit-evaluation"
VERSION = 1
RESULTS, SAMPLES, CONDITIONS, PARTIAL = "results.json", "samples.jsonl", "run.json", "samples.partial.jsonl"
MAX_JSON_BYTES = 16 << 20  # of results.json and run.json
MAX_SAMPLES_BYTES = 2 << 30  # of all samples, which are held in memory


def read_results(folder: Path) -> dict[str, Any] | None:
    """`results.json` as it stands, with its header checked; None where there is none.

    Raises:
        EvaluationError: it is not JSON, too large, or no run of this format.
    """
    path = folder / RESULTS
    try:
        with path.open("rb") as file:
            content = file.read(MAX_JSON_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EvaluationError(f"{path} cannot be read: {error.strerror}.") from error
    if len(content) > MAX_JSON_BYTES:
        raise EvaluationError(f"{path} is larger than {MAX_JSON_BYTES >> 20} MiB, which no run writes.")
    try:
        results = strict_json.loads(content)
    except (ValueError, RecursionError) as error:
        raise EvaluationError(f"{path} is not JSON: {str(error)[:200]}.") from error
    ours = results.get("appkit") if isinstance(results, dict) else None
    if not isinstance(ours, dict) or (ours.get("format"), ours.get("version")) != (FORMAT, VERSION):
        raise EvaluationError(f"{path} is not of this program, or of another version: it lacks {FORMAT}, {VERSION}.")
    for name, kind in (("package", str), ("task", dict), ("model", dict), ("figures", dict), ("samples", dict)):
        if not isinstance(ours.get(name), kind):
            raise EvaluationError(f"{path} is damaged: {name!r} of its part 'appkit' is {ours.get(name)!r:.60}.")
    for part in ("task", "model"):
        if not isinstance(ours[part].get("name"), str):
            raise EvaluationError(f"{path} is damaged: its {part} has no name.")
    checked: dict[str, Any] = results
    return checked


def read_samples(path: Path, digest: str | None = None) -> list[dict[str, Any]]:
    """The lines of `samples.jsonl`, in ascending order of `doc_id`.

    Args:
        digest: the SHA-256 of the file; None does not check it.

    Raises:
        EvaluationError: it cannot be read, is too large, or is not what a run wrote.
    """
    found = hashlib.sha256()
    records: list[dict[str, Any]] = []
    for number, line in enumerate(bounded_lines(path), 1):
        found.update(line)
        try:
            record = parse_line(line)
            if records and record["doc_id"] <= records[-1]["doc_id"]:
                raise ValueError(f"doc_id {record['doc_id']} comes after {records[-1]['doc_id']}")
        except ValueError as error:
            raise EvaluationError(f"Line {number} of {path} is no sample of a run: {str(error)[:200]}.") from error
        records.append(record)
    if digest is not None and found.hexdigest() != digest:
        raise EvaluationError(
            f"{path} is not the file that {RESULTS} beside it was made of: a run was stopped while it wrote them, or "
            "a file was changed. Give the command that made it again, with --fresh where a file was changed."
        )
    return records


def bounded_lines(path: Path) -> Iterator[bytes]:
    """Lines with their ends; nothing where the file is missing.

    Raises:
        EvaluationError: it cannot be read, or it or a line is larger than any that is written.
    """
    try:
        with path.open("rb") as file:
            num_bytes = 0
            while line := file.readline(MAX_LINE_BYTES + 1):
                num_bytes += len(line)
                if len(line) > MAX_LINE_BYTES or num_bytes > MAX_SAMPLES_BYTES:
                    raise EvaluationError(f"{path} is larger, or has a longer line, than any that a run writes.")
                yield line
    except FileNotFoundError:
        return
    except OSError as error:
        raise EvaluationError(f"{path} cannot be read: {error.strerror}.") from error
