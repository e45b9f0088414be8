"""The samples of a task in all its runs, as data for the page: a small index at once, the texts in parts for later.

The page parses a part when a sample in it is opened or searched, so that a report of thousands of samples opens at
once. A report has room for `MAX_PAGE_BYTES` of texts and `MAX_SAMPLES` of a task; the page says how many samples are
left out, and where they stand.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import groupby
from typing import Any

from eval.reports.run_files import MAX_MEASURES, RunFiles
from eval.reports.sample_text import ShownText, label_of, shown_text

MAX_PAGE_BYTES = 64 << 20  # of sample texts in one report
MAX_SAMPLES = 20_000  # of one task
MAX_TOKENS = 8_192  # of one sample in the heat map
MAX_REQUESTS = 64  # of one sample
MAX_FIELDS = 64  # of one document
_PART_BYTES = 256 << 10

_SURROGATE = re.compile("[\ud800-\udfff]")

Rows = Sequence[dict[str, Any] | None]  # a sample as each run has it, None where one has not


@dataclass(frozen=True, kw_only=True)
class TaskSamples:
    """The samples of a task."""

    index: Mapping[str, Any]  # what lists, filters and sorts them, in columns
    parts: Sequence[str]  # their texts, JSON safe inside a script element
    num_shown: int
    num_all: int

    @property
    def num_bytes(self) -> int:
        return sum(map(len, self.parts))


def task_samples(runs: Sequence[RunFiles], room_bytes: int) -> TaskSamples:
    """The samples that `runs`, all of one task, have between them, as many as there is room for.

    Samples are one where both number and content of the document are.

    Raises:
        EvaluationError: see `RunFiles.samples`.
    """
    columns = _Columns(runs)
    writer = _PartWriter()
    num_all, is_full = 0, False
    for rows in _joined(runs):
        num_all += 1
        is_full = is_full or writer.num_bytes >= room_bytes or len(columns.ids) >= MAX_SAMPLES
        if not is_full:
            columns.add(rows, part=len(writer.parts))
            writer.add(rows)
    writer.flush()
    return TaskSamples(index=columns.as_json(), parts=writer.parts, num_shown=len(columns.ids), num_all=num_all)


def script_json(value: Any) -> str:
    """JSON that cannot end the script element it stands in, and that UTF-8 can hold."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _joined(runs: Sequence[RunFiles]) -> Iterator[Rows]:
    streams = [((sample["doc_id"], idx, sample) for sample in run.samples()) for idx, run in enumerate(runs)]
    for _, group in groupby(merge(*streams, key=lambda entry: entry[:2]), key=lambda entry: entry[0]):
        by_content: dict[str, list[dict[str, Any] | None]] = {}
        for _, idx, sample in group:
            rows = by_content.setdefault(str(sample.get("doc_hash")), [None] * len(runs))
            rows[idx] = sample
        yield from by_content.values()


class _Columns:
    """The index while it is made."""

    def __init__(self, runs: Sequence[RunFiles]) -> None:
        self.ids: list[int] = []
        self.labels: list[str] = []
        self.clusters: list[str | None] = []
        self.parts: list[int] = []
        self.answers: list[list[int]] = []  # which samples' runs answered the same: equal numbers
        self.values: list[dict[str, list[float | None]]] = [{} for _ in runs]
        self.has_tokens = False
        self.measures = list(dict.fromkeys(score.name for run in runs for score in run.scores))

    def add(self, rows: Rows, part: int) -> None:
        first = next(row for row in rows if row is not None)
        self.ids.append(first["doc_id"])
        self.labels.append(label_of(first))
        self.clusters.append(None if first.get("cluster") is None else shown_text(first["cluster"])[0][:80])
        self.parts.append(part)
        self.answers.append(_same_answers(rows))
        for columns, row in zip(self.values, rows, strict=True):
            for name in _measures_of(row):
                if name not in self.measures and len(self.measures) < MAX_MEASURES:
                    self.measures.append(name)
            for name in self.measures:
                column = columns.setdefault(name, [])
                column.extend([None] * (len(self.ids) - 1 - len(column)))
                column.append(_value(row, name))

    def as_json(self) -> dict[str, Any]:
        known = [name for name in self.measures if any(_is_known(columns.get(name)) for columns in self.values)]
        return {
            "ids": self.ids,
            "labels": self.labels,
            "clusters": self.clusters,
            "parts": self.parts,
            "answers": self.answers,
            "measures": known,
            "values": [[self._padded(columns.get(name, [])) for name in known] for columns in self.values],
        }

    def _padded(self, column: list[float | None]) -> list[float | None]:
        return column + [None] * (len(self.ids) - len(column))


class _PartWriter:
    """Collects samples into parts; within one, equal texts (a prompt in two runs) are kept once."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.num_bytes = 0
        self._texts: dict[ShownText, int] = {}
        self._samples: list[dict[str, Any]] = []
        self._part_bytes = 0

    def add(self, rows: Rows) -> None:
        first = next(row for row in rows if row is not None)
        sample = {
            "doc": self._fields(first.get("doc")),
            "target": self._text(first.get("target")),
            "runs": [None if row is None else self._answered(row) for row in rows],
        }
        self._samples.append(sample)
        self._part_bytes += len(json.dumps(sample))
        if self._part_bytes >= _PART_BYTES:
            self.flush()

    def flush(self) -> None:
        """End the part."""
        if not self._samples:
            return
        part = script_json({"texts": list(self._texts), "samples": self._samples})
        self.parts.append(part)
        self.num_bytes += len(part.encode())
        self._texts, self._samples, self._part_bytes = {}, [], 0

    def _answered(self, row: Mapping[str, Any]) -> dict[str, Any]:
        requests = [list(request.values()) for request in _objects(row.get("arguments"))]
        answers, judged = _list(row.get("resps")), _list(row.get("filtered_resps"))
        tokens = [pair for pair in _list(row.get("token_logprobs")) if isinstance(pair, list) and len(pair) >= 2]
        return {
            "requests": [[self._text(part) for part in request[:8]] for request in requests[:MAX_REQUESTS]],
            "answers": [self._text(answer) for answer in answers[:MAX_REQUESTS]],
            "judged": [self._text(answer) for answer in judged[:MAX_REQUESTS]],
            "left": max(0, len(requests) - MAX_REQUESTS, len(answers) - MAX_REQUESTS, len(judged) - MAX_REQUESTS),
            "notes": self._fields(row.get("notes")) if row.get("notes") else [],
            "tokens": [str(pair[0]) for pair in tokens[:MAX_TOKENS]],
            "logprobs": [_rounded(pair[1]) for pair in tokens[:MAX_TOKENS]],
            "tokens_left": max(0, len(tokens) - MAX_TOKENS),
        }

    def _fields(self, value: Any) -> list[list[Any]]:
        """An object as [name, text] pairs; anything else as one without a name."""
        if not isinstance(value, dict):
            return [["", self._text(value)]]
        fields = [[name[:200], self._text(part)] for name, part in list(value.items())[:MAX_FIELDS]]
        if len(value) > MAX_FIELDS:
            fields.append(["…", self._text(f"+ {len(value) - MAX_FIELDS}")])
        return fields

    def _text(self, value: Any) -> int:
        text = shown_text(value)
        if text not in self._texts:
            self._part_bytes += sum(len(piece.encode("utf-8", "replace")) for piece in text if isinstance(piece, str))
        return self._texts.setdefault(text, len(self._texts))


def _same_answers(rows: Rows) -> list[int]:
    """By run the number of its answer: runs that answered alike have the same; -1 where there is none."""
    numbers: dict[str, int] = {}
    answers = [None if row is None else json.dumps(row.get("resps")) for row in rows]
    return [-1 if answer is None else numbers.setdefault(answer, len(numbers)) for answer in answers]


def _measures_of(row: Mapping[str, Any] | None) -> list[str]:
    return [name for name in _list(row.get("metrics")) if isinstance(name, str)] if row is not None else []


def _value(row: Mapping[str, Any] | None, name: str) -> float | None:
    return None if row is None else _finite(row.get(name))


def _finite(value: Any) -> float | None:
    """A number, None for all else, and for a whole number that no float holds."""
    try:
        number = float(value) if isinstance(value, int | float) else math.nan
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _is_known(column: Sequence[float | None] | None) -> bool:
    return any(value is not None for value in column or ())


def _rounded(value: Any) -> float | None:
    number = _finite(value)
    return None if number is None else round(number, 4)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _objects(value: Any) -> list[dict[str, Any]]:
    return [part for part in value.values() if isinstance(part, dict)] if isinstance(value, dict) else []
