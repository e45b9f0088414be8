"""The folder of a run: what is kept while it goes on, and what it holds in the end.

`samples.partial.jsonl` begins with a header; a line is added and flushed for every sample that is done. In the end
`samples.jsonl`, `results.json` and `run.json` are written, each whole or not at all and in this order, and the partial
file goes. A process that is killed anywhere in between leaves a folder that the next one goes on from: a last line
without its end is asked again, everything before it is not.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from appkit import strict_json
from appkit.errors import EvaluationError
from eval.harness.notices import notice
from eval.harness.record import answered_of, as_utf8, is_of, line_of, parse_line, record_of
from eval.harness.run_files import (
    CONDITIONS,
    FORMAT,
    MAX_JSON_BYTES,
    PARTIAL,
    RESULTS,
    SAMPLES,
    VERSION,
    bounded_lines,
    read_results,
    read_samples,
)
from eval.harness.run_header import PARTS as HEADER_PARTS
from eval.harness.run_header import check_same
from eval.harness.task import Answered, Sample
from runtime.errors import LockTimeoutError
from runtime.files import FileLock, write_atomic

LOCK = ".lock"


@contextmanager
def open_run_folder(folder: Path, header: Mapping[str, Any], *, fresh: bool = False) -> Iterator["RunFolder"]:
    """The folder, made where it is missing, for this process alone.

    Args:
        header: what the run is of, see `run_header`.
        fresh: remove what an earlier run left, whatever it was of.

    Raises:
        EvaluationError: another process runs in it, it holds a run of something else, or files that no run wrote.
    """
    try:
        with FileLock(folder / LOCK, timeout_s=0):
            if fresh:
                _remove_run(folder)
            kept = RunFolder(folder, header)
            try:
                yield kept
            finally:
                kept.close()
    except LockTimeoutError as error:
        raise EvaluationError(
            f"Another process runs this evaluation in {folder}: wait for it, or give another folder."
        ) from error


class RunFolder:
    """The samples that are done, in memory and on disk. Owned by the process that holds the folder's lock."""

    def __init__(self, folder: Path, header: Mapping[str, Any]) -> None:
        self.folder = folder
        self._header = header
        _refuse_links(folder)
        results = read_results(folder)
        if results is not None:
            check_same({name: results["appkit"][name] for name in HEADER_PARTS}, header, folder)
        partial, is_begun = self._read_partial()
        whole = _read_whole(folder, results, is_begun)
        self._records: dict[int, dict[str, Any]] = {record["doc_id"]: record for record in (*partial, *whole)}
        self._file: BinaryIO | None = None
        self._is_begun = is_begun

    def done(self, samples: Sequence[Sample]) -> set[int]:
        """The `doc_id` of each of `samples` that was asked before.

        Raises:
            EvaluationError: one had other contents then.
        """
        done = [sample for sample in samples if sample.doc_id in self._records]
        changed = [sample.doc_id for sample in done if not is_of(self._records[sample.doc_id], sample)]
        if changed:
            raise EvaluationError(
                f"The data have changed since {self.folder} was begun: {len(changed)} of {len(done)} samples that "
                f"are done have other contents now, the first is {changed[0]}. Begin anew with --fresh (fresh=True), "
                "or give another folder."
            )
        return {sample.doc_id for sample in done}

    def add(self, sample: Sample, answered: Answered) -> None:
        """Keep what came of a sample, at once."""
        line = line_of(record_of(sample, answered))
        if self._file is None:
            self._file = (self.folder / PARTIAL).open("ab")
            if not self._is_begun:
                self._file.write(self._header_line())
                self._is_begun = True
        self._file.write(line)
        self._file.flush()
        self._records[sample.doc_id] = parse_line(line)  # as a later process would read it

    def answers(self, samples: Sequence[Sample]) -> list[Answered]:
        """What came of each, as it reads from the file, so that a run that went on gives the same figures."""
        return [answered_of(self._records[sample.doc_id]) for sample in samples]

    def finish(
        self, samples: Sequence[Sample], results: Callable[[Sequence[Mapping[str, Any]], str], Mapping[str, Any]]
    ) -> bool:
        """Write `samples.jsonl` and `results.json`; whether the latter is new.

        Samples that are done and not among `samples`, of a run with a larger limit, stay in the partial file.

        Args:
            results: gives what `results.json` holds of (records, SHA-256 of samples.jsonl).
        """
        ids = sorted(sample.doc_id for sample in samples)
        records = [self._records[doc_id] for doc_id in ids]
        left = [self._records[doc_id] for doc_id in sorted(self._records.keys() - set(ids))]
        if left:  # they may be in samples.jsonl alone, which is about to be written anew
            self._write_partial([*records, *left])
        digest = self._write_samples(records)
        content = as_utf8(json.dumps(results(records, digest), indent=2, ensure_ascii=False, allow_nan=False)) + b"\n"
        path = self.folder / RESULTS
        is_new = not path.exists() or path.read_bytes() != content
        if is_new:
            with write_atomic(path) as file:
                file.write(content)
        self.close()
        if left:
            self._write_partial(left)
        else:
            (self.folder / PARTIAL).unlink(missing_ok=True)
        return is_new

    @property
    def has_conditions(self) -> bool:
        """Whether `run.json` is there; a process may have been killed just before it was."""
        return (self.folder / CONDITIONS).exists()

    def write_conditions(self, conditions: Mapping[str, Any]) -> None:
        """Write `run.json`: what differs from run to run of the same."""
        with write_atomic(self.folder / CONDITIONS) as file:
            file.write(as_utf8(json.dumps(conditions, indent=2, ensure_ascii=False)) + b"\n")

    def close(self) -> None:
        """Close the partial file. Twice is harmless."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write_samples(self, records: Sequence[Mapping[str, Any]]) -> str:
        digest = hashlib.sha256()
        with write_atomic(self.folder / SAMPLES) as file:
            for record in records:
                line = line_of(record)
                digest.update(line)
                file.write(line)
        return digest.hexdigest()

    def _write_partial(self, records: Sequence[Mapping[str, Any]]) -> None:
        self.close()
        with write_atomic(self.folder / PARTIAL) as file:
            file.write(self._header_line())
            file.writelines(map(line_of, records))
        self._is_begun = True

    def _header_line(self) -> bytes:
        header = {"format": f"{FORMAT}-partial", "version": VERSION, **self._header}
        return as_utf8(json.dumps(header, ensure_ascii=False)) + b"\n"

    def _read_partial(self) -> tuple[list[dict[str, Any]], bool]:
        """The samples in the partial file, cut behind the last whole one, and whether it has its header.

        Raises:
            EvaluationError: it is of another run, or none of ours.
        """
        path = self.folder / PARTIAL
        lines = bounded_lines(path)
        first = next(lines, b"")
        if not first.endswith(b"\n"):
            path.unlink(missing_ok=True)  # killed before it had its header
            return [], False
        check_same(_partial_header(first, path), self._header, self.folder)
        records, num_bytes = [], len(first)
        for line in lines:
            try:
                if not line.endswith(b"\n"):
                    break  # killed within it
                records.append(parse_line(line))
            except ValueError as error:
                notice(
                    f"{path} cannot be read from line {len(records) + 2} on ({str(error)[:100]}); "
                    "the samples from there on are asked again."
                )
                break
            num_bytes += len(line)
        if num_bytes < path.stat().st_size:
            with path.open("r+b") as file:
                file.truncate(num_bytes)
        return records, True


def _read_whole(folder: Path, results: Mapping[str, Any] | None, is_begun: bool) -> list[dict[str, Any]]:
    """The samples of `samples.jsonl`: those that `results.json` is of, or newer ones where a run is under way.

    Raises:
        EvaluationError: they are not, or there is nothing that says what run they are of.
    """
    path = folder / SAMPLES
    if is_begun or not path.exists():
        return read_samples(path)
    if results is None:
        raise EvaluationError(f"{path} is there and nothing says what run it is of: give another folder, or remove it.")
    return read_samples(path, str(results["appkit"]["samples"].get("sha256")))


def _partial_header(line: bytes, path: Path) -> dict[str, Any]:
    try:
        header = strict_json.loads(line)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or (header.get("format"), header.get("version")) != (f"{FORMAT}-partial", VERSION):
        raise EvaluationError(f"{path} is no run under way of this version: give another folder, or remove it.")
    return {name: header.get(name) for name in HEADER_PARTS}


def _remove_run(folder: Path) -> None:
    """Remove the files of a run. Raises EvaluationError where `results.json` is of another program."""
    _refuse_links(folder)
    path = folder / RESULTS
    if path.exists() and not _has_mark(path):
        raise EvaluationError(f"{path} is of another program and is not removed: give another folder.")
    for name in (SAMPLES, PARTIAL, RESULTS, CONDITIONS):  # stopped after any, the rest is a run without samples
        (folder / name).unlink(missing_ok=True)


def _has_mark(path: Path) -> bool:
    with path.open("rb") as file:
        return f'"{FORMAT}"'.encode() in file.read(MAX_JSON_BYTES)


def _refuse_links(folder: Path) -> None:
    for name in (RESULTS, CONDITIONS, SAMPLES, PARTIAL):
        if (folder / name).is_symlink():
            raise EvaluationError(f"{folder / name} is a symbolic link, which is not followed here; remove it first.")
