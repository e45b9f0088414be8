"""`appkit eval`: found through its entry point, runs tasks, goes on, compares, and says what it cannot do."""

import json
import os
import signal
import subprocess
import sys
import time
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from appkit import LanguageModel, open_model
from eval.command import app
from eval.harness import model_identity, registry
from runtime import CatalogError
from tests.helpers.openai_server import serve
from tests.helpers.shared_data import ROOT
from tests.helpers.terminals import CTRL_C, PtyTerminal
from tests.helpers.tiny_adapter import write_tiny_adapter
from tests.helpers.tiny_model import write_tiny_model

FOUR = ("-m", "scripted:4")  # right for one sum of six


@pytest.fixture(autouse=True)
def sums(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A task named "sums" beside the others, and a data folder of its own."""
    tasks = {**registry.PYTHON_TASKS, "sums": "tests.helpers.small_task"}
    monkeypatch.setattr(registry, "PYTHON_TASKS", tasks)
    monkeypatch.setenv("APPKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_the_command_line_finds_it() -> None:
    (point,) = entry_points(group="appkit.commands", name="eval")
    assert point.load() is app


def test_every_task_is_listed_with_a_line() -> None:
    status, output, _ = run("list")
    assert status == 0
    assert [line.split()[0] for line in output.splitlines()] == registry.task_names()
    assert all(len(line.split(maxsplit=1)) == 2 for line in output.splitlines())


def test_what_can_be_set_is_listed() -> None:
    status, output, _ = run("list", "sums")
    assert status == 0
    assert output.splitlines() == [
        "sums of small numbers",
        "--set takes:",
        "num_samples   how many",
        "interrupt_at  press Ctrl-C when this sample is asked",
        "fail_at       raise OSError when this sample is asked",
    ]


def test_a_run_shows_figures_with_intervals_and_where_it_is_kept() -> None:
    status, output, _ = run("run", "sums", *FOUR)
    assert status == 0
    lines = [line.split() for line in output.splitlines()]
    assert ["acc", "0.1667", "0", "…", "0.5", "6"] in lines
    assert ["chars", "↓", "1", "1", "…", "1", "6"] in lines
    folder = Path(output.split("Kept in ")[1].strip())
    assert {path.name for path in folder.iterdir()} == {".lock", "results.json", "run.json", "samples.jsonl"}


def test_json_is_what_results_json_holds(tmp_path: Path) -> None:
    status, output, _ = run("run", "sums", *FOUR, "-o", tmp_path / "run", "--json")
    assert status == 0
    assert json.loads(output) == json.loads((tmp_path / "run" / "results.json").read_text())


def test_a_run_that_is_there_says_so() -> None:
    run("run", "sums", *FOUR, "--limit", "2")
    _, output, _ = run("run", "sums", *FOUR)
    assert "2 of 6 samples were done before (--fresh begins anew)" in output
    _, output, _ = run("run", "sums", *FOUR, "--fresh")
    assert "done before" not in output


def test_several_tasks_share_one_model_and_have_folders_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def count(spec: str, **options: Any) -> LanguageModel:
        opened.append(spec)
        return open_model(spec, **options)

    monkeypatch.setattr(model_identity, "open_model", count)
    status, output, _ = run("run", "sums", "smoke", *FOUR, "--limit", "2", "-o", tmp_path / "runs", "--json")
    assert (status, opened) == (0, ["scripted:4"])
    assert [json.loads(line)["appkit"]["task"]["name"] for line in output.splitlines()] == ["sums", "smoke"]
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {"sums", "smoke"}


def test_an_adapter_is_measured_in_a_run_of_its_own(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "tiny.gguf")
    adapter = write_tiny_adapter(model, tmp_path / "mine")
    (tmp_path / "text.txt").write_text("A few words that a tiny model reads, with and without an adapter. " * 20)
    command = ("run", "perplexity", "-m", model, "--set", f"file={tmp_path / 'text.txt'}", "--json")
    plain, adapted = (json.loads(run(*command, *extra)[1]) for extra in ((), ("--adapter", adapter)))
    figures = [results["appkit"]["figures"]["perplexity"]["value"] for results in (plain, adapted)]
    assert abs(figures[0] - figures[1]) > 1
    assert adapted["model_name"] == "tiny+mine"
    assert len(list((tmp_path / "home" / "evaluations" / "perplexity").iterdir())) == 2


def test_settings_reach_the_task() -> None:
    _, output, _ = run("run", "sums", *FOUR, "--set", "num_samples=3", "--json")
    assert json.loads(output)["appkit"]["task"]["settings"]["num_samples"] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run",), "Missing argument"),
        (("run", "summs"), "No evaluation is called 'summs': did you mean sums?"),
        (("run", "nothing"), "No evaluation is called 'nothing': there are bfcl, "),
        (("run", "sums", "--limit", "0"), "Invalid value for '--limit'"),
        (("run", "sums", "--set", "x"), "--set takes NAME=VALUE, not 'x'"),
        (("run", "sums", "--set", "x=1"), "sums has no setting 'x'; it has num_samples, "),
        (("run", "sums", "--set", "num_samples=1", "--set", "num_samples=2"), "--set gives num_samples twice"),
        (("run", "sums", "sums"), "A task is named twice: sums, sums"),
        (("list", "nothing"), "No evaluation is called 'nothing'"),
        (("report", "x"), "Missing option"),
    ],
    ids=["no task", "near", "unknown", "limit", "form", "setting", "set twice", "task twice", "list", "report"],
)
def test_wrong_usage_is_refused(arguments: tuple[str, ...], message: str) -> None:
    status, _, errors = run(*arguments)
    assert status == 2
    assert message in " ".join(errors.replace("│", " ").split())


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(tmp_path: Path) -> None:
    folder = tmp_path / "a run"
    arguments = ("run", "sums", "-m", "scripted:4 or so", "-o", folder)
    status, output, errors = run(*arguments, "--set", "interrupt_at=4", "--fresh")
    assert (status, output) == (130, "")
    goes_on = f"appkit eval run sums -m 'scripted:4 or so' --set interrupt_at=4 -o '{folder}'"
    assert errors.splitlines() == ["Stopped: 4 of 6 samples of sums are kept. This goes on:", goes_on]
    assert (folder / "samples.partial.jsonl").exists()
    _, output, _ = run(*arguments)
    assert "4 of 6 samples were done before" in output


def test_a_model_behind_a_server_is_known_by_its_address() -> None:
    with open_model("scripted:4") as model, serve(model) as server:
        status, output, _ = run("run", "sums", "-m", server.spec, "--json")
        ours = json.loads(output)["appkit"]["model"]
        assert (status, ours["kind"], ours["digest"], ours["name"]) == (0, "remote", None, server.spec)


def test_after_a_failure_it_says_what_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(OSError, match="the line is dead"):
        app(["run", "sums", *FOUR, "--set", "fail_at=4"], standalone_mode=False)
    kept = "4 of 6 samples of sums are kept; the same command goes on from them."
    assert capsys.readouterr().err.splitlines() == [kept]


def test_a_missing_model_is_the_catalogs_sentence() -> None:
    with pytest.raises(CatalogError, match=r"No model is called 'smollm2-134m'\. Did you mean"):
        run("run", "sums", "-m", "smollm2-134m")


def test_two_runs_are_compared(tmp_path: Path) -> None:
    run("run", "sums", "-m", "scripted:4", "-o", tmp_path / "a")
    run("run", "sums", "-m", "scripted:6", "-o", tmp_path / "b")
    status, output, _ = run("compare", tmp_path / "a", tmp_path / "b")
    assert status == 0
    assert f"A: scripted · {tmp_path / 'a'}" in output
    assert "model.digest: " in output
    lines = [line.split() for line in output.splitlines()]
    assert ["acc", "0.1667", "0.1667", "+0", "-0.5", "…", "+0.5", "1.0000", "1", "/", "1"] in lines
    assert "acc: A and B are equal." in output
    assert "chars: not tested, for it cannot be made again from the samples" in output
    status, output, _ = run("compare", tmp_path / "a", tmp_path / "b", "--json")
    found = json.loads(output)
    assert (found["measures"]["acc"]["went_right"], found["measures"]["acc"]["went_wrong"]) == ([5], [3])
    assert found["num_samples"] == 6


def test_a_report_is_written(tmp_path: Path) -> None:
    run("run", "sums", *FOUR, "-o", tmp_path / "a")
    status, output, _ = run("report", tmp_path / "a", "-o", tmp_path / "report.html")
    assert (status, output) == (0, f"Written to {tmp_path / 'report.html'}\n")
    assert "<html" in (tmp_path / "report.html").read_text()


def test_it_speaks_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    _, output, _ = run("run", "sums", *FOUR)
    assert "95% 区间" in output
    assert "保存在" in output


# by the command itself, as a process ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


def smoke(tiny: Path, folder: Path) -> list[str]:
    """Thirty questions; a tiny model takes about a second."""
    return [sys.executable, "-m", "appkit", "eval", "run", "smoke", "-m", str(tiny), "-o", str(folder), "--json"]


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("results.json", "samples.jsonl")}


def killed_when(process: "subprocess.Popen[bytes]", partial: Path, num_lines: int) -> bool:
    """Kill the process as soon as so many lines are in its partial file; whether it still ran."""
    while process.poll() is None:
        if partial.exists() and partial.read_bytes().count(b"\n") >= num_lines:
            process.send_signal(signal.SIGKILL)
        time.sleep(0.002)
    return process.returncode == -signal.SIGKILL


@pytest.mark.slow
def test_a_local_model_killed_many_times_gives_the_same_files(tiny: Path, tmp_path: Path) -> None:
    subprocess.run(smoke(tiny, tmp_path / "whole"), cwd=ROOT, check=True, capture_output=True, timeout=120)
    folder, num_killed = tmp_path / "killed", 0
    for num_lines in range(1, 31, 3):
        process = subprocess.Popen(smoke(tiny, folder), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        num_killed += killed_when(process, folder / "samples.partial.jsonl", num_lines)
    subprocess.run(smoke(tiny, folder), cwd=ROOT, check=True, capture_output=True, timeout=120)
    assert num_killed >= 5
    assert contents(folder) == contents(tmp_path / "whole")


def test_a_person_sees_a_bar_with_the_time_left_and_may_stop(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    text = "--set", f"file={ROOT / 'LICENSE'}", "--set", "recipe=strided", "--set", "window=64", "--set", "stride=1"
    command = [sys.executable, "-m", "appkit", "eval", "run", "perplexity", "-m", str(tiny), "-o", str(folder), *text]
    terminal = PtyTerminal(command, {**os.environ, "LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT)})
    try:
        terminal.wait_for(r"perplexity .*━+ *[1-9]\d*/\d+ 0:00:\d\d \d:\d\d:\d\d")
        terminal.type(CTRL_C)
        shown = terminal.wait_for("Stopped: .* samples of perplexity are kept")
    finally:
        terminal.close()
    assert "Traceback" not in shown
    assert (folder / "samples.partial.jsonl").exists()
