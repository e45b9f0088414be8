"""Traces as they are read: up to a cut, and never further than anything meant to be read."""

import os
from pathlib import Path

import pytest

from appkit import TraceError, TraceWriter, read_trace
from appkit.trace.layout import MAX_LINE_BYTES

HEAD = b'{"format": "appkit-trace", "version": 1, "created": "2026-03-01T09:30:00Z", "model": "m"}\n'
STEP = b'{"kind": "step", "time_s": 0.5, "text": "hi"}\n'


def written(folder: Path, data: bytes) -> Path:
    path = folder / "trace.jsonl"
    path.write_bytes(data)
    return path


def test_a_trace_reads_as_it_was_written(tmp_path: Path) -> None:
    with TraceWriter(tmp_path / "t", about={"model": "m"}) as writer:
        writer.write("run", task="a")
        writer.write("step", token_ids=[5])
        writer.write("tool", result={"text": "4"})
    trace = read_trace(tmp_path / "t")
    assert trace.about["model"] == "m"
    assert [(r.kind, r.line_number) for r in trace.records] == [("run", 2), ("step", 3), ("tool", 4)]
    assert [r.data for r in trace.of_kind("tool")] == [{"result": {"text": "4"}}]
    assert 0 <= trace.records[0].time_s <= trace.records[1].time_s
    assert not trace.is_cut


@pytest.mark.parametrize("kept", [1, len(STEP) // 2, len(STEP) - 1])
def test_a_trace_that_breaks_off_reads_up_to_there_and_says_so(tmp_path: Path, kept: int) -> None:
    trace = read_trace(written(tmp_path, HEAD + STEP + STEP[:kept]))
    assert ([record.data for record in trace.records], trace.cut_bytes) == ([{"text": "hi"}], kept)


def test_a_trace_cut_anywhere_reads_or_says_that_it_is_none(tmp_path: Path) -> None:
    whole = HEAD + STEP * 2
    for size in range(len(whole) + 1):
        path = written(tmp_path, whole[:size])
        if size < len(HEAD):
            with pytest.raises(TraceError, match="is no trace"):
                read_trace(path)
        else:
            trace = read_trace(path)
            assert len(trace.records) * len(STEP) + trace.cut_bytes == size - len(HEAD)


def test_another_version_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TraceError) as caught:
        read_trace(written(tmp_path, HEAD.replace(b'version": 1', b'version": 2')))
    sentence = str(caught.value)
    assert sentence.endswith("it is of version 2, and this build reads version 1.")
    assert caught.value.path == tmp_path / "trace.jsonl"


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"hello\n",
        b"[]\n",
        b'{"format": "other", "version": 1}\n',
        b'{"format": "appkit-trace"}\n',
        b'{"format": "appkit-trace", "version": true}\n',
        b'{"format": "appkit-trace", "version": 1.0}\n',
        b'{"format": "appkit-trace", "version": "' + b"9" * 10_000 + b'"}\n',
        b'{"format": "appkit-trace", "version": 1, "created": 5}\n',
        b"\x00" * 100 + b"\n",
        b"\xff\xfe{\n",
        b"\n",
    ],
    ids=range(12),
)
def test_a_file_that_is_no_trace_is_refused(tmp_path: Path, first: bytes) -> None:
    with pytest.raises(TraceError) as caught:
        read_trace(written(tmp_path, first))
    assert len(str(caught.value)) < 600
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        b'{"kind": "step"}',
        b'{"time_s": 1}',
        b'{"kind": 5, "time_s": 1}',
        b'{"kind": "two words", "time_s": 1}',
        b'{"kind": "\\u001b[31m", "time_s": 1}',
        b'{"kind": "step", "time_s": true}',
        b'{"kind": "step", "time_s": -1}',
        b'{"kind": "step", "time_s": "1"}',
        b'{"kind": "step", "time_s": NaN}',
        b'{"kind": "step", "time_s": 1, "x": Infinity}',
        b'{"kind": "step", "time_s": 1, "x": 1e999}',
        b'{"kind": "step", "time_s": 1, "x": ' + b"9" * 5000 + b"}",
        b'{"kind": "step", "time_s": 1, "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"kind": "step", "time_s": 1, "x": "\xff"}',
        b'{"kind": "step", "time_s": 1, "x": "\x00"}',
        b'{"kind": "step", "time_s": 1} {}',
        b"\x00\x00\x00",
        b"[1]",
        b"5",
        b"",
    ],
    ids=range(20),
)
def test_a_line_that_no_writer_writes_is_an_error_that_names_it(tmp_path: Path, line: bytes) -> None:
    with pytest.raises(TraceError, match=r"^Line 3 of .* is not one of a trace: ") as caught:
        read_trace(written(tmp_path, HEAD + STEP + line + b"\n" + STEP))
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize("end", [b"", b'"}\n'], ids=["no-end", "whole"])
def test_a_line_longer_than_any_that_is_written_is_refused(tmp_path: Path, end: bytes) -> None:
    line = b'{"kind": "step", "time_s": 1, "x": "' + b"a" * MAX_LINE_BYTES + end
    with pytest.raises(TraceError, match=r"Line 2 of .* more than 4,194,304 bytes"):
        read_trace(written(tmp_path, HEAD + line))


def test_a_file_larger_than_is_read_says_how_to_read_it(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + STEP * 100)
    with pytest.raises(TraceError, match="larger max_bytes"):
        read_trace(path, max_bytes=1000)
    assert len(read_trace(path, max_bytes=10_000).records) == 100


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "nul"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / ("nul\0" if kind == "nul" else kind)
    if kind == "folder":
        path.mkdir()
    if kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(TraceError):
        read_trace(path)


def test_kinds_and_members_that_this_build_does_not_know_are_kept(tmp_path: Path) -> None:
    line = b'{"kind": "later", "time_s": 1, "unheard_of": [1]}\n'
    (record,) = read_trace(written(tmp_path, HEAD + line)).of_kind("later")
    assert record.data == {"unheard_of": [1]}
