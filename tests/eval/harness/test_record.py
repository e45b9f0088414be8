"""Lines of samples.jsonl: what is written reads back as it was."""

import json
from typing import Any

import pytest

from appkit.errors import EvaluationError
from eval.harness.record import answered_of, is_of, line_of, parse_line, record_of, sample_of
from eval.harness.task import Answered, Sample


def sample(**more: Any) -> Sample:
    settings: dict[str, Any] = {"doc_id": 3, "doc": {"q": "¿Qué?", "n": [1, 2.5, None]}, "target": ["a", "b"]}
    return Sample(**{**settings, **more})


def answered(**more: Any) -> Answered:
    settings: dict[str, Any] = {
        "arguments": [["context", " continuation"], ["text"]],
        "resps": [-1.25, True],
        "filtered_resps": ["说"],
        "values": {"acc": 1.0, "loss": 0.1 + 0.2},
    }
    return Answered(**{**settings, **more})


@pytest.mark.parametrize("cluster", [None, "page 1"])
@pytest.mark.parametrize("token_logprobs", [[], [("a", -0.5), ("\ufffd", None)]])
@pytest.mark.parametrize("notes", [{}, {"verdict": {"p": 0.5}}])
def test_what_is_written_reads_back(cluster: str | None, token_logprobs: list[Any], notes: dict[str, Any]) -> None:
    one, other = sample(cluster=cluster), answered(token_logprobs=token_logprobs, notes=notes)
    record = parse_line(line_of(record_of(one, other)))
    assert sample_of(record) == one
    assert answered_of(record) == other
    assert is_of(record, one)


@pytest.mark.parametrize("text", ["\ud800", "\udc00 x", "line\nbreak", "\u2028\u2029\x85", "\x00", "🙂", '"\\'])
def test_any_text_stays_one_line_of_utf8_and_reads_back(text: str) -> None:
    line = line_of(record_of(sample(doc={"q": text}), answered(resps=[text])))
    assert line.count(b"\n") == 1
    line.decode()
    record = parse_line(line)
    assert (record["doc"]["q"], record["resps"]) == (text, [text])


@pytest.mark.parametrize(
    "more", [{"doc": {"q": "other"}}, {"target": ["a"]}, {"cluster": "page 2"}], ids=["doc", "target", "cluster"]
)
def test_a_line_tells_another_sample_from_its_own(more: dict[str, Any]) -> None:
    record = parse_line(line_of(record_of(sample(), answered())))
    assert not is_of(record, sample(**more))


def test_a_tuple_as_target_is_the_list_it_is_read_as() -> None:
    record = parse_line(line_of(record_of(sample(target=("a", "b")), answered())))
    assert is_of(record, sample(target=("a", "b")))
    assert record["target"] == ["a", "b"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"doc_id": -1}, "doc_id is -1"),
        ({"doc_id": True}, "doc_id is True"),
        ({"doc": 1}, "doc is 1"),
        ({"doc": {}}, "its hashes are not those"),
        ({"target": "c"}, "its hashes are not those"),
        ({"arguments": {"gen_args_0": 1}}, "a request in arguments is no object"),
        ({"metrics": ["acc", "gone"]}, "the value of 'gone' is no number"),
        ({"acc": "1"}, "the value of 'acc' is no number"),
        ({"acc": True}, "the value of 'acc' is no number"),
        ({"acc": 10**400}, "the value of 'acc' is no number"),
        ({"token_logprobs": [["a"]]}, "token_logprobs are no pairs"),
        ({"notes": []}, "notes is no object"),
        ({"cluster": 3}, "cluster is no text"),
    ],
    ids=lambda value: None if isinstance(value, dict) else value,
)
def test_lines_that_were_changed_are_refused(change: dict[str, Any], fault: str) -> None:
    record = json.loads(line_of(record_of(sample(), answered())))
    with pytest.raises(ValueError, match=fault):
        parse_line(json.dumps(record | change).encode())


@pytest.mark.parametrize(
    "line",
    [b"", b"1", b"{}", b"{" * 50_000, b"\xff\n", b'{"doc_id": 1e999}'],
    ids=["empty", "number", "no fields", "deep", "not UTF-8", "huge"],
)
def test_lines_of_others_are_refused(line: bytes) -> None:
    with pytest.raises(ValueError):
        parse_line(line)


def test_a_line_longer_than_is_read_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eval.harness.record.MAX_LINE_BYTES", 1000)
    with pytest.raises(EvaluationError, match="are the most that is kept"):
        line_of(record_of(sample(), answered(resps=["x" * 1000])))
