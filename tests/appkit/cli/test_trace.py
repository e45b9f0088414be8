"""`appkit trace`: what a run wrote down, for a person and for a program."""

import json
from pathlib import Path

from appkit import TraceWriter
from tests.appkit.cli.command import CommandHere, one_sentence


def write_trace(path: Path) -> Path:
    with TraceWriter(path, about={"model": {"name": "m"}}) as trace:
        trace.write("run", task="What is 17 × 23?")
        trace.write(
            "step", prompt_ids=list(range(300)), text="one\n\x1b[31mtwo\u202e", calls=[{"arguments": {"a": "\u202e"}}]
        )
        trace.write("tool", result={"text": "391"}, nothing=None)
        trace.write("finished", text="x" * 1000)
    return path


def test_a_trace_is_shown_record_by_record(appkit_here: CommandHere, tmp_path: Path) -> None:
    done = appkit_here("trace", "show", str(write_trace(tmp_path / "t")), home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Trace begun 20")
    assert "  prompt_ids: 0, 1, 2, 3, 4, 5, 6, 7, … (300 numbers)" in lines
    assert [line.split("s  ")[1] for line in lines if "s  " in line] == ["run", "step", "tool", "finished"]
    assert lines[-1] == f"  text: {'x' * 400} … (600 more characters)"
    assert "nothing" not in done.stdout


def test_what_a_terminal_would_obey_is_not_shown(appkit_here: CommandHere, tmp_path: Path) -> None:
    shown = appkit_here("trace", "show", str(write_trace(tmp_path / "t")), home=tmp_path).stdout
    assert "  text: one\n    [31mtwo\n" in shown
    assert r'{"a": "\u202e"}' in shown
    assert not {"\x1b", "\u202e"} & set(shown)


def test_a_trace_is_shown_up_to_where_it_breaks_off(appkit_here: CommandHere, tmp_path: Path) -> None:
    whole = write_trace(tmp_path / "t").read_bytes()
    (tmp_path / "cut").write_bytes(whole[:-1000])
    shown = appkit_here("trace", "show", str(tmp_path / "cut"), home=tmp_path).stdout
    cut_bytes = len(whole[:-1000].splitlines()[-1])
    assert shown.splitlines()[-1].startswith(f"The trace breaks off here, {cut_bytes} bytes into a line")
    chinese = appkit_here("trace", "show", str(tmp_path / "cut"), home=tmp_path, LANG="zh_CN.UTF-8").stdout
    assert chinese.splitlines()[-1].startswith("记录在此中断")


def test_json_is_the_whole_trace(appkit_here: CommandHere, tmp_path: Path) -> None:
    done = appkit_here("trace", "show", str(write_trace(tmp_path / "t")), "--json", home=tmp_path)
    trace = json.loads(done.stdout)
    assert (trace["about"]["model"], trace["cut_bytes"]) == ({"name": "m"}, 0)
    assert trace["records"][3]["text"] == "x" * 1000
    assert len(done.stdout.splitlines()) == 1
    assert not {"\x1b", "\u202e"} & set(done.stdout)


def test_what_is_no_trace_is_one_sentence(appkit_here: CommandHere, tmp_path: Path) -> None:
    (tmp_path / "other").write_text('{"format": "appkit-trace", "version": 9, "created": ""}\n')
    done = appkit_here("trace", "show", str(tmp_path / "other"), home=tmp_path)
    assert "version 9, and this build reads version 1" in one_sentence(done)
    assert "No such file" in one_sentence(appkit_here("trace", "show", str(tmp_path / "none"), home=tmp_path))
