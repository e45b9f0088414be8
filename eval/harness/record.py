"""A line of `samples.jsonl`: one sample and what came of it, in the layout of lm-evaluation-harness.

Beyond that layout a line may have `cluster`, `token_logprobs` and `notes`, and its target is JSON, not text, so that it
reads back as it was. The hashes are theirs: SHA-256 of the document, of the first prompt and of the target.
"""

import hashlib
import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from appkit import strict_json
from appkit.errors import EvaluationError
from eval.harness.task import Answered, Sample

MAX_LINE_BYTES = 64 << 20
_FIELDS = ("doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics")
_HASHES = ("doc_hash", "prompt_hash", "target_hash")
_ADDED = ("cluster", "token_logprobs", "notes")
RESERVED = frozenset({*_FIELDS, *_HASHES, *_ADDED})
_SURROGATE = re.compile("[\ud800-\udfff]")


def record_of(sample: Sample, answered: Answered) -> dict[str, Any]:
    """The line as an object.

    Raises:
        EvaluationError: a value that is no finite number, or is named like a field of the line.
    """
    for name, value in answered.values.items():
        if name in RESERVED or not _is_number(float(value)):
            raise EvaluationError(
                f"Sample {sample.doc_id} measures {name!r} as {value!r}; a value is a finite number, and is not named "
                "like a field of its line. The task is at fault."
            )
    record: dict[str, Any] = {
        "doc_id": sample.doc_id,
        "doc": dict(sample.doc),
        "target": sample.target,
        "arguments": {
            f"gen_args_{i}": {f"arg_{j}": part for j, part in enumerate(request)}
            for i, request in enumerate(answered.arguments)
        },
        "resps": answered.resps,
        "filtered_resps": answered.filtered_resps,
        "filter": "none",
        "metrics": list(answered.values),
        "doc_hash": doc_hash(sample.doc),
        "prompt_hash": _digest(_prompt(answered.arguments)),
        "target_hash": target_hash(sample.target),
        **{name: float(value) for name, value in answered.values.items()},
    }
    if sample.cluster is not None:
        record["cluster"] = sample.cluster
    if answered.token_logprobs:
        record["token_logprobs"] = answered.token_logprobs
    if answered.notes:
        record["notes"] = answered.notes
    return record


def line_of(record: Mapping[str, Any]) -> bytes:
    """The line, with its line break.

    Raises:
        EvaluationError: it holds what is not JSON, NaN for one, or is longer than is read again.
    """
    try:
        text = json.dumps(record, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise EvaluationError(
            f"Sample {record.get('doc_id')} cannot be kept, for it is not JSON: {error}. The task is at fault."
        ) from error
    line = as_utf8(text) + b"\n"
    if len(line) > MAX_LINE_BYTES:
        raise EvaluationError(
            f"Sample {record.get('doc_id')} takes {len(line):,} bytes; {MAX_LINE_BYTES:,} are the most that is kept."
        )
    return line


def as_utf8(json_text: str) -> bytes:
    """JSON as UTF-8; half a surrogate pair, which UTF-8 has no bytes for, as its escape."""
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", json_text).encode()


def parse_line(line: bytes) -> dict[str, Any]:
    """The object of a line, with every field checked for what it is used as.

    Raises:
        ValueError: the line is not what `line_of` writes.
    """
    try:
        record = strict_json.loads(line)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(record, dict):
        raise ValueError("it is no object")
    missing = [name for name in (*_FIELDS, *_HASHES) if name not in record]
    if missing:
        raise ValueError(f"it has no {missing[0]}")
    if type(record["doc_id"]) is not int or record["doc_id"] < 0:
        raise ValueError(f"doc_id is {record['doc_id']!r:.40}")
    for name, kind in (
        ("doc", dict),
        ("arguments", dict),
        ("resps", list),
        ("filtered_resps", list),
        ("metrics", list),
    ):
        if not isinstance(record[name], kind):
            raise ValueError(f"{name} is {record[name]!r:.40}")
    if record["doc_hash"] != doc_hash(record["doc"]) or record["target_hash"] != target_hash(record["target"]):
        raise ValueError("its hashes are not those of what it holds")
    for name in record["metrics"]:
        if not isinstance(name, str) or name in RESERVED or not _is_number(record.get(name)):
            raise ValueError(f"the value of {name!r:.40} is no number")
    _check_added(record)
    return record


def sample_of(record: Mapping[str, Any]) -> Sample:
    """The sample of a line that `parse_line` took."""
    return Sample(doc_id=record["doc_id"], doc=record["doc"], target=record["target"], cluster=record.get("cluster"))


def answered_of(record: Mapping[str, Any]) -> Answered:
    """What came of the sample of a line that `parse_line` took."""
    return Answered(
        arguments=[list(request.values()) for request in record["arguments"].values()],
        resps=record["resps"],
        filtered_resps=record["filtered_resps"],
        values={name: float(record[name]) for name in record["metrics"]},
        token_logprobs=[(token, logprob) for token, logprob in record.get("token_logprobs", ())],
        notes=record.get("notes", {}),
    )


def is_of(record: Mapping[str, Any], sample: Sample) -> bool:
    """Whether a line tells of this very sample, and not of one that had its place before the data changed."""
    return (record["doc_hash"], record["target_hash"], record.get("cluster")) == (
        doc_hash(sample.doc),
        target_hash(sample.target),
        sample.cluster,
    )


def doc_hash(doc: Mapping[str, Any]) -> str:
    """Source: lm-evaluation-harness 0.4.13, `evaluator.evaluate`."""
    return _digest(json.dumps(dict(doc), indent=2, ensure_ascii=False))


def target_hash(target: Any) -> str:
    """Of the target as Python shows it once it was written and read."""
    return _digest(str(json.loads(json.dumps(target))))


def _prompt(arguments: Sequence[Sequence[Any]]) -> str:
    return str(arguments[0][0]) if arguments and arguments[0] else ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _check_added(record: Mapping[str, Any]) -> None:
    if not all(isinstance(request, dict) for request in record["arguments"].values()):
        raise ValueError("a request in arguments is no object")
    if not isinstance(record.get("cluster", ""), str):
        raise ValueError("cluster is no text")
    if not isinstance(record.get("notes", {}), dict):
        raise ValueError("notes is no object")
    scored = record.get("token_logprobs", [])
    if not isinstance(scored, list) or not all(_is_token_logprob(item) for item in scored):
        raise ValueError("token_logprobs are no pairs of a token and a number")


def _is_token_logprob(item: Any) -> bool:
    return (
        isinstance(item, list)
        and len(item) == 2
        and isinstance(item[0], str)
        and (item[1] is None or _is_number(item[1]))
    )


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= sys.float_info.max  # NaN is not, nor is a huge integer
