"""The samples of a task as data for the page: a small index at once, the texts in parts for later.

The page parses a part when a sample in it is opened or searched, so that a report of thousands of samples opens at
once. A report has room for `MAX_PAGE_BYTES` of texts and `MAX_SAMPLES` of a task; the page says how many samples are
left out, and where they stand.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval.harness.stored_run import Run
from eval.harness.task import Answered
from eval.reports.sample_index import Rows, columns_of, joined, likeliest, response_of, sample_in
from eval.reports.sample_text import ShownText, shortened, shown_text

MAX_PAGE_BYTES = 64 << 20  # of sample texts in one report
MAX_SAMPLES = 20_000  # of one task
MAX_TOKENS = 8_192  # of one sample in the heat map
MAX_REQUESTS = 64  # of one sample
MAX_FIELDS = 64  # of one document, and of one request; further ones are shown as one
_PART_BYTES = 256 << 10
_MAX_NAME_CHARS = 200

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class TaskSamples:
    """The samples of a task."""

    index: Mapping[str, Any]  # what lists, filters and sorts them, in columns
    parts: Sequence[str]  # their texts, JSON safe inside a script element
    num_bytes: int  # of the parts
    num_all: int  # with those that are left out


def task_samples(runs: Sequence[Run], room_bytes: int = MAX_PAGE_BYTES) -> TaskSamples:
    """The samples that `runs`, all of one task, have between them: the first ones, as many as there is room for.

    Raises:
        EvaluationError: see `Run.samples`.
    """
    writer = _PartWriter()
    shown: list[Rows] = []
    part_of: list[int] = []
    num_all = 0
    for rows in joined(runs):
        num_all += 1
        if len(shown) == num_all - 1 < MAX_SAMPLES and writer.num_bytes < room_bytes:
            shown.append(rows)
            part_of.append(len(writer.parts))
            writer.add(rows)
    writer.flush()
    index = {**columns_of(shown, runs), "parts": part_of}
    return TaskSamples(index=index, parts=writer.parts, num_bytes=writer.num_bytes, num_all=num_all)


def script_json(value: Any) -> str:
    """JSON that cannot end the script element it stands in, and that UTF-8 can hold."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


class _PartWriter:
    """Collects samples into parts; within one, equal texts (a prompt in two runs) are kept once."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.num_bytes = 0  # of the finished parts
        self._texts: dict[ShownText, int] = {}
        self._samples: list[dict[str, Any]] = []
        self._part_bytes = 0

    def add(self, rows: Rows) -> None:
        """One more sample, as all runs have it."""
        asked = sample_in(rows)
        sample = {
            "doc": self._fields(asked.doc),
            "target": None if asked.target is None else self._text(asked.target),
            "runs": [None if row is None else self._answered(row[1]) for row in rows],
        }
        self._samples.append(sample)
        self._part_bytes += len(script_json(sample))
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

    def _answered(self, answered: Answered) -> dict[str, Any]:
        requests, answers, judged = answered.arguments, answered.resps, answered.filtered_resps
        tokens = answered.token_logprobs
        return {
            "requests": [self._parts(request) for request in requests[:MAX_REQUESTS]],
            "answers": [self._text(response_of(answer)) for answer in answers[:MAX_REQUESTS]],
            "judged": [self._text(response_of(answer)) for answer in judged[:MAX_REQUESTS]],
            "likeliest": likeliest(answered),
            "left": max(0, max(len(requests), len(answers), len(judged)) - MAX_REQUESTS),
            "notes": self._fields(answered.notes),
            "tokens": [token for token, _ in tokens[:MAX_TOKENS]],
            "logprobs": [None if logprob is None else round(float(logprob), 4) for _, logprob in tokens[:MAX_TOKENS]],
            "tokens_left": max(0, len(tokens) - MAX_TOKENS),
        }

    def _parts(self, request: Sequence[Any]) -> list[int]:
        return [number for _, number in self._fields({str(place): part for place, part in enumerate(request)})]

    def _fields(self, value: Mapping[str, Any]) -> list[tuple[str, int]]:
        """Names and texts; those beyond the limit together as one."""
        entries = list(value.items())
        if len(entries) > MAX_FIELDS:
            entries[MAX_FIELDS - 1 :] = [("…", dict(entries[MAX_FIELDS - 1 :]))]
        return [(shortened(name, _MAX_NAME_CHARS), self._text(part)) for name, part in entries]

    def _text(self, value: Any) -> int:
        text = shown_text(value)
        if text not in self._texts:
            self._part_bytes += len(script_json(text).encode())
        return self._texts.setdefault(text, len(self._texts))
