"""Traces as they are written: whole lines, at once, whatever is in them."""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from appkit import TraceError, TraceWriter, read_trace
from appkit.trace.layout import MAX_LINE_BYTES
from tests.helpers.shared_data import ROOT


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_trace_begins_with_its_format_and_what_it_is_about(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with TraceWriter(path, about={"model": {"name": "m", "sha256": "0" * 64}}) as trace:
        trace.write("run", task="二加二？")
        trace.write("step", token_ids=(1, 2, 3))
    head, run, step = lines_of(path)
    assert list(head)[:2] == ["format", "version"]
    assert (head["format"], head["version"], head["model"]) == (
        "appkit-trace",
        1,
        {"name": "m", "sha256": "0" * 64},
    )
    assert (run["kind"], run["task"], step["token_ids"]) == ("run", "二加二？", [1, 2, 3])
    assert "二加二" in path.read_text("utf-8"), "a person can read and search it"


def test_only_its_owner_may_read_a_trace(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        TraceWriter(tmp_path / "t").close()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "t").stat().st_mode) == 0o600


def test_a_record_is_in_the_file_before_write_returns(tmp_path: Path) -> None:
    with TraceWriter(tmp_path / "t") as trace:
        trace.write("step", number=1)
        assert read_trace(tmp_path / "t").records[-1].data == {"number": 1}


def test_without_a_path_nothing_is_written() -> None:
    with TraceWriter(None) as trace:
        trace.write("step", number=1)
    assert trace.path is None


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_exists_is_never_overwritten(tmp_path: Path, kind: str) -> None:
    (tmp_path / "precious").write_text("kept")
    path = tmp_path / "precious"
    if kind == "link":
        path = tmp_path / "link"
        path.symlink_to(tmp_path / "precious")
    with pytest.raises(TraceError, match="exists already: give the trace a new name") as caught:
        TraceWriter(path)
    assert caught.value.path == path
    assert (tmp_path / "precious").read_text() == "kept"


@pytest.mark.parametrize("name", ["no/such/folder", "nul\0"], ids=["folder", "nul"])
def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(TraceError, match=r"cannot be written: .+\.$"):
        TraceWriter(tmp_path / name)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
        (float("nan"), "NaN"),
        (1 << 5000, hex(1 << 5000)),
        ("\ud800 half", "\ud800 half"),
        ("\x9b31m\u2028\x00\n", "\x9b31m\u2028\x00\n"),
        ({"a": ({"b": None},)}, {"a": [{"b": None}]}),
    ],
    ids=["inf", "minus-inf", "nan", "long-integer", "surrogate", "controls", "nested"],
)
def test_odd_values_are_held(tmp_path: Path, value: object, read: object) -> None:
    with TraceWriter(tmp_path / "t") as trace:
        trace.write("step", value=value)
    line = (tmp_path / "t").read_bytes().splitlines()[1].decode()
    assert not {"\x9b", "\u2028", "\ud800"} & set(line)
    assert read_trace(tmp_path / "t").records[0].data["value"] == read


def test_a_value_nested_too_deeply_is_cut_with_a_mark(tmp_path: Path) -> None:
    value: list[object] = []
    for _ in range(10_000):
        value = [value]
    with TraceWriter(tmp_path / "t") as trace:
        trace.write("step", value=value)
    assert "[nested more than 64 deep; left out]" in (tmp_path / "t").read_text()


def test_a_long_text_is_cut_with_a_mark_and_a_longer_record_says_its_size(tmp_path: Path) -> None:
    with TraceWriter(tmp_path / "t") as trace:
        trace.write("tool", text="x" * ((1 << 20) + 5))
        trace.write("tool", texts=["y" * (1 << 20)] * 5)
    cut, left_out = read_trace(tmp_path / "t").records
    assert cut.data["text"][1 << 20 :] == "[5 more characters; left out]"
    assert left_out.data["left_out_bytes"] > MAX_LINE_BYTES


@pytest.mark.parametrize("value", [b"bytes", {1: 2}, object(), {"a": [set()]}], ids=["bytes", "key", "object", "set"])
def test_what_json_cannot_say_is_refused_and_nothing_is_written(tmp_path: Path, value: object) -> None:
    with TraceWriter(tmp_path / "t") as trace:
        with pytest.raises(TypeError, match=r"the record\.value"):
            trace.write("step", value=value)
        trace.write("step", value=1)
    assert [record.data for record in read_trace(tmp_path / "t").records] == [{"value": 1}]


def test_names_that_every_record_has_are_refused(tmp_path: Path) -> None:
    with TraceWriter(tmp_path / "t") as trace:
        with pytest.raises(ValueError, match="has a member time_s already"):
            trace.write("step", time_s=1)
        with pytest.raises(ValueError, match="is one word"):
            trace.write("two words")
    with pytest.raises(ValueError, match="has a member version already"):
        TraceWriter(tmp_path / "u", about={"version": 2})
    assert not (tmp_path / "u").exists()


def test_writing_to_a_closed_trace_is_an_error(tmp_path: Path) -> None:
    trace = TraceWriter(tmp_path / "t")
    trace.close()
    trace.close()
    with pytest.raises(ValueError, match="was closed"):
        trace.write("step")


def test_threads_do_not_mix_their_lines(tmp_path: Path) -> None:
    def write_many(number: int) -> None:
        for _ in range(50):
            trace.write("step", text=str(number) * 5000)

    with TraceWriter(tmp_path / "t") as trace:
        threads = [threading.Thread(target=write_many, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(record.data["text"][0] for record in read_trace(tmp_path / "t").records) == sorted("0123" * 50)


def test_a_full_disk_is_an_error_and_the_lines_before_stay_whole(tmp_path: Path) -> None:
    script = f"""
import resource, signal
from appkit import TraceError, TraceWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
trace = TraceWriter({str(tmp_path / "t")!r})
trace.write("step", text="a" * 500)
try:
    trace.write("step", text="b" * 5000)
except TraceError as error:
    print(error)
trace.write("step", text="c")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.stderr == ""
    assert "cannot be written: File too large." in done.stdout
    trace = read_trace(tmp_path / "t")
    assert ([record.data["text"][0] for record in trace.records], trace.is_cut) == (["a", "c"], False)


def test_a_writer_that_is_killed_leaves_every_record_it_wrote(tmp_path: Path) -> None:
    script = f"""
import os
from appkit import TraceWriter
trace = TraceWriter({str(tmp_path / "t")!r})
for number in range(100):
    trace.write("step", number=number)
os.kill(os.getpid(), {signal.SIGKILL})
"""
    done = subprocess.run([sys.executable, "-c", script], timeout=60, cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    trace = read_trace(tmp_path / "t")
    assert [record.data["number"] for record in trace.records] == list(range(100))
    assert not trace.is_cut
