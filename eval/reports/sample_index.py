"""The samples of a task in all its runs: side by side, and as the columns that the page lists, filters and sorts by."""

import json
from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import groupby
from typing import Any

from eval.harness.record import doc_hash
from eval.harness.stored_run import Run
from eval.harness.task import Answered, Sample
from eval.reports.sample_text import label_of, shortened

MAX_MEASURES = 64
MAX_CLUSTER_CHARS = 80

Asked = tuple[Sample, Answered]
Rows = Sequence[Asked | None]  # one sample as each run has it, None where one has not


def joined(runs: Sequence[Run]) -> Iterator[Rows]:
    """The samples of all runs in the order of `doc_id`. Two are one where number and content of the document are.

    Raises:
        EvaluationError: see `Run.samples`.
    """
    entries = merge(*(_entries(run, place) for place, run in enumerate(runs)), key=lambda entry: entry[:2])
    for _, group in groupby(entries, key=lambda entry: entry[0]):
        by_content: dict[str, list[Asked | None]] = {}
        for _, place, asked in group:
            by_content.setdefault(doc_hash(asked[0].doc), [None] * len(runs))[place] = asked
        yield from by_content.values()


def sample_in(rows: Rows) -> Sample:
    """The sample as the first run has it that has it."""
    return next(asked for asked in rows if asked is not None)[0]


def response_of(resp: Any) -> Any:
    """What a request gave; lm-eval's layout wraps each response in a list of its repeats."""
    return resp[0] if isinstance(resp, list | tuple) and len(resp) == 1 else resp


def likeliest(answered: Answered) -> int | None:
    """Of several continuations of one context, which has the highest log-probability; None for any other requests."""
    responses = [response_of(resp) for resp in answered.resps]
    contexts = [request[0] for request in answered.arguments if len(request) == 2]
    if len(contexts) < 2 or len(contexts) != len(responses) or any(context != contexts[0] for context in contexts):
        return None
    scores = [pair[0] if isinstance(pair, list | tuple) and len(pair) == 2 else None for pair in responses]
    known = [score for score in scores if isinstance(score, float | int)]
    return known.index(max(known)) if len(known) == len(scores) else None


def columns_of(samples: Sequence[Rows], runs: Sequence[Run]) -> dict[str, Any]:
    """What stands beside a sample in a list.

    Measures with figures come first, then what else was noted of every sample.
    """
    figures = dict.fromkeys(measure.name for run in runs for measure in run.measures)
    noted = dict.fromkeys(name for rows in samples for asked in rows if asked for name in asked[1].values)
    measures = [*(name for name in figures if name in noted), *(name for name in noted if name not in figures)]
    shown = measures[:MAX_MEASURES]
    return {
        "ids": [sample_in(rows).doc_id for rows in samples],
        "labels": [label_of(sample_in(rows).doc) for rows in samples],
        "clusters": [shortened(sample_in(rows).cluster or "", MAX_CLUSTER_CHARS) for rows in samples],
        "answers": [_same_answers(rows) for rows in samples],
        "measures": [shortened(name, MAX_CLUSTER_CHARS) for name in shown],
        "measuresLeft": len(measures) - len(shown),
        "values": [[[_value(rows[place], name) for rows in samples] for name in shown] for place in range(len(runs))],
    }


def _entries(run: Run, place: int) -> Iterator[tuple[int, int, Asked]]:
    return ((sample.doc_id, place, (sample, answered)) for sample, answered in run.samples)


def _same_answers(rows: Rows) -> list[int]:
    """By run the number of its answer: runs that answered alike have the same; -1 where there is none."""
    numbers: dict[str, int] = {}
    answers = [None if asked is None else _answer_key(asked[1]) for asked in rows]
    return [-1 if answer is None else numbers.setdefault(answer, len(numbers)) for answer in answers]


def _answer_key(answered: Answered) -> str:
    """What was answered: of continuations that were scored, which one is the likeliest, else all that was written."""
    choice = likeliest(answered)
    return json.dumps(answered.resps if choice is None else choice)


def _value(asked: Asked | None, name: str) -> float | None:
    return asked[1].values.get(name) if asked is not None else None
