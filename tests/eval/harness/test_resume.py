"""A killed run goes on when it is asked for again, asks nothing twice, and ends with the same bytes."""

import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from appkit import ScriptedModel
from eval.harness.run import evaluate
from tests.eval.harness.kill_child import NUM_SAMPLES, answer
from tests.helpers.shared_data import ROOT
from tests.helpers.small_task import SmallTask

FILES = ("results.json", "samples.jsonl")


def child(folder: Path, log: Path, in_flight: int, kill_at: int) -> subprocess.CompletedProcess[str]:
    arguments = [str(folder), str(log), str(in_flight), str(kill_at)]
    command = [sys.executable, "-m", "tests.eval.harness.kill_child", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def finished_ids(folder: Path) -> set[int]:
    """The samples whose lines are whole in any file of the folder."""
    found = set()
    for name in ("samples.partial.jsonl", "samples.jsonl"):
        path = folder / name
        for line in path.read_bytes().splitlines(keepends=True) if path.exists() else []:
            if line.endswith(b"\n") and "doc_id" in (record := json.loads(line)):
                found.add(record["doc_id"])
    return found


def asked(log: Path) -> list[int]:
    return [int(line) for line in log.read_text().split()] if log.exists() else []


@pytest.fixture(scope="module")
def unkilled(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], int]:
    """What an unkilled run leaves, and how many lines of the runner it took."""
    folder = tmp_path_factory.mktemp("unkilled")
    done = child(folder / "run", folder / "log", 1, 0)
    assert done.returncode == 0, done.stderr
    assert sorted(asked(folder / "log")) == list(range(NUM_SAMPLES))
    return contents(folder / "run"), int(done.stdout)


def kill_and_go_on(folder: Path, in_flight: int, points: list[int], whole: dict[str, bytes]) -> None:
    """Kill one run at every one of `points`, each time going on from what is left, and compare what comes out."""
    num_killed = 0
    for number, point in enumerate([*points, 0]):
        log = folder / f"log-{number}"
        before = finished_ids(folder / "run")
        done = child(folder / "run", log, in_flight, point)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        num_killed += done.returncode != 0
        again = asked(log)
        assert not before & set(again), "a finished sample was asked again"
        assert len(set(again)) == len(again)
        lost = set(again) - finished_ids(folder / "run")
        assert len(lost) <= in_flight + 1, "a sample that was done was not on disk at once"
    assert num_killed > 0
    assert contents(folder / "run") == whole
    assert sorted(path.name for path in (folder / "run").iterdir()) == [
        ".lock",
        "results.json",
        "run.json",
        "samples.jsonl",
    ]


def test_killed_thrice_it_ends_with_the_same_bytes(tmp_path: Path, unkilled: tuple[dict[str, bytes], int]) -> None:
    whole, num_lines = unkilled
    draw = random.Random(1)
    points = [draw.randrange(num_lines // 8, num_lines // 2) for _ in range(2)]
    kill_and_go_on(tmp_path, 1, [*points, 500], whole)


@pytest.mark.slow
@pytest.mark.parametrize("in_flight", [1, 4])
def test_killed_at_twenty_random_points_it_ends_with_the_same_bytes(
    tmp_path: Path, unkilled: tuple[dict[str, bytes], int], in_flight: int
) -> None:
    whole, num_lines = unkilled
    draw = random.Random(in_flight)
    for number in range(20):  # each of an empty folder, so that every point of a run comes up
        folder = tmp_path / f"{number}"
        folder.mkdir()
        kill_and_go_on(folder, in_flight, [draw.randrange(1, num_lines)], whole)


@pytest.mark.slow
def test_killed_twenty_times_on_end_it_ends_with_the_same_bytes(
    tmp_path: Path, unkilled: tuple[dict[str, bytes], int]
) -> None:
    whole, num_lines = unkilled
    draw = random.Random(20)
    kill_and_go_on(tmp_path, 4, [draw.randrange(1, num_lines) for _ in range(20)], whole)


@pytest.mark.parametrize("num_whole", [0, 1, 5])
def test_a_last_line_torn_anywhere_is_asked_again(tmp_path: Path, num_whole: int) -> None:
    model = ScriptedModel(answer)
    whole = evaluate(SmallTask(num_samples=7), model, output=tmp_path / "whole")
    lines = (whole.folder / "samples.jsonl").read_bytes().splitlines(keepends=True)
    header = partial_header(whole.folder)
    torn = lines[num_whole]
    for length in range(0, len(torn), 41):  # a step that falls between the bytes of characters too
        folder = tmp_path / f"torn-{length}"
        folder.mkdir()
        (folder / "samples.partial.jsonl").write_bytes(header + b"".join(lines[:num_whole]) + torn[:length])
        log = folder / "log"
        evaluate(SmallTask(num_samples=7, asked_log=log), model, output=folder)
        assert asked(log) == list(range(num_whole, 7))
        assert contents(folder) == contents(whole.folder)


def test_what_follows_a_torn_line_is_kept_too(tmp_path: Path) -> None:
    whole = evaluate(SmallTask(), ScriptedModel(answer), output=tmp_path / "whole")
    lines = (whole.folder / "samples.jsonl").read_bytes().splitlines(keepends=True)
    folder, log = tmp_path / "run", tmp_path / "log"
    folder.mkdir()
    (folder / "samples.partial.jsonl").write_bytes(partial_header(whole.folder) + lines[0] + lines[1][:50])
    with pytest.raises(OSError, match="the line is dead"):
        evaluate(SmallTask(fail_at=4), ScriptedModel(answer), output=folder)
    evaluate(SmallTask(asked_log=log), ScriptedModel(answer), output=folder)
    assert asked(log) == [4, 5]
    assert contents(folder) == contents(whole.folder)


def test_a_torn_header_begins_anew(tmp_path: Path) -> None:
    model = ScriptedModel(answer)
    whole = evaluate(SmallTask(), model, output=tmp_path / "whole")
    header = partial_header(whole.folder)
    for length in (0, 1, len(header) - 1):
        folder = tmp_path / f"torn-{length}"
        folder.mkdir()
        (folder / "samples.partial.jsonl").write_bytes(header[:length])
        evaluate(SmallTask(), model, output=folder)
        assert contents(folder) == contents(whole.folder)


def partial_header(folder: Path) -> bytes:
    """The first line that the partial file of a finished run had."""
    ours = json.loads((folder / "results.json").read_text())["appkit"]
    header = {"format": "appkit-evaluation-partial", "version": 1}
    line = json.dumps(header | {name: ours[name] for name in ("package", "task", "model")}, ensure_ascii=False)
    return line.encode() + b"\n"
