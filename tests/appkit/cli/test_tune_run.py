"""`appkit tune run`: what a person sees and a script reads, Ctrl-C and kill -9, and every wrong word in a sentence."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.appkit.cli.command import CommandHere, environment, one_sentence
from tests.helpers.training_data import chat_line, write_lines
from tests.helpers.tuning import adapter_bytes, write_sums, write_tiny_chat_model

pytest.importorskip("torch", reason="training needs it")

OPTIONS = ("--lr", "5e-3", "--batch-tokens", "200", "--save-every", "4")


@pytest.fixture
def model(tmp_path: Path) -> str:
    return str(write_tiny_chat_model(tmp_path))


@pytest.fixture
def data(tmp_path: Path) -> str:
    return str(write_sums(tmp_path / "sums.jsonl"))


@contextmanager
def begin(*args: str, home: Path) -> "Iterator[subprocess.Popen[str]]":
    """The command in a process of its own, which ends with the block."""
    command = [sys.executable, "-m", "appkit", "tune", "run", *args]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment(home), text=True, **pipes) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


def wait_for_step(process: "subprocess.Popen[str]", log: Path, step: int) -> None:
    end = time.monotonic() + 60
    while not log.exists() or f'"step": {step},' not in log.read_text():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_person_is_told_what_is_done_and_how_to_use_it(
    appkit_here: CommandHere, data: str, model: str, tmp_path: Path
) -> None:
    out = tmp_path / "my adapter"
    done = appkit_here("tune", "run", data, "-m", model, "-o", str(out), "--validation", "0.1", *OPTIONS, home=tmp_path)
    assert done.returncode == 0
    assert f"{data}: format chat; examples to train on: 36; tokens an epoch: " in done.stderr
    assert "parameters, learning rate up to 0.005; steps: " in done.stderr
    assert "Examples to validate on: 4, before the first step and every " in done.stderr
    assert "left\n" in done.stderr
    assert "Done: " in done.stdout and " before, " in done.stdout
    assert f"  appkit chat -m {model} --adapter '{out}'\n" in done.stdout
    assert f"  appkit adapters merge '{out}' -m {model} -o merged.gguf\n" in done.stdout
    assert f"The curve is also in '{out}/training/loss.png'." in done.stdout
    assert (out / "training" / "loss.png").stat().st_size > 10_000


@pytest.mark.parametrize("method", ["dora", "bottleneck", "prompt-tuning", "prefix-tuning"])
def test_every_method_ends_with_an_adapter_that_answers(
    method: str, appkit_here: CommandHere, data: str, model: str, tmp_path: Path
) -> None:
    out = str(tmp_path / "out")
    args = ("-m", model, "-o", out, "--method", method, "--max-steps", "2", *OPTIONS)
    done = appkit_here("tune", "run", data, *args, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"  appkit chat -m {model} --adapter {out}\n" in done.stdout
    assert ("appkit adapters merge" in done.stdout) == (method == "dora")
    answered = appkit_here("run", "1 + 1", "-m", model, "--adapter", out, "--max-tokens", "3", home=tmp_path)
    assert answered.returncode == 0, answered.stderr


def test_the_commands_fit_what_was_trained(appkit_here: CommandHere, data: str, model: str, tmp_path: Path) -> None:
    args = ("tune", "run", data, "-m", model, "--max-steps", "1", "-s", "Be brief.")
    plain = appkit_here(*args, "-o", str(tmp_path / "lora"), home=tmp_path).stdout
    assert f"--adapter {tmp_path / 'lora'} -s 'Be brief.'\n" in plain
    soft = appkit_here(*args, "-o", str(tmp_path / "soft"), "--method", "prompt-tuning", home=tmp_path).stdout
    assert "appkit chat" in soft and "adapters merge" not in soft


def test_without_matplotlib_the_run_is_the_same_and_says_what_is_missing(
    appkit_here: CommandHere, data: str, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appkit.tuning.plot.find_spec", lambda name: None)
    args = ("tune", "run", data, "-m", model, "-o", str(tmp_path / "out"), "--max-steps", "2")
    done = appkit_here(*args, home=tmp_path)
    assert done.returncode == 0
    assert "The curve as a picture takes matplotlib: pip install 'appkit-llm[train]'" in done.stdout
    assert not (tmp_path / "out" / "training" / "loss.png").exists()


def test_the_core_install_is_told_what_to_install(
    appkit_here: CommandHere, data: str, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appkit.tuning.begin.find_spec", lambda name: None)
    said = one_sentence(appkit_here("tune", "run", data, "-m", model, "-o", str(tmp_path / "out"), home=tmp_path))
    assert said == 'Error: Fine-tuning needs torch, which is not installed: pip install "appkit-llm[train]"'
    assert not (tmp_path / "out").exists()


def test_a_script_reads_one_object_and_hears_nothing_else(
    appkit_here: CommandHere, data: str, model: str, tmp_path: Path
) -> None:
    args = ("tune", "run", data, "-m", model, "-o", str(tmp_path / "out"), "--validation", "0.1", "--json", *OPTIONS)
    done = appkit_here(*args, home=tmp_path)
    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert report["finished"] and report["steps"] == len(report["losses"]) == report["eval_losses"][-1][0]
    assert report["eval_after"] < report["eval_before"]
    assert report["folder"] == str(tmp_path / "out")
    assert json.loads(appkit_here(*args, home=tmp_path).stdout) == report  # a finished run is not done again


def test_chinese_speakers_are_told_in_chinese(appkit_here: CommandHere, data: str, model: str, tmp_path: Path) -> None:
    args = ("tune", "run", data, "-m", model, "-o", str(tmp_path / "out"), "--max-steps", "2", *OPTIONS)
    done = appkit_here(*args, home=tmp_path, LANG="zh_CN.UTF-8")
    assert "训练样本 40 条" in done.stderr
    assert "完成：2 步" in done.stdout
    assert "已经完成" in appkit_here(*args, home=tmp_path, LANG="zh_CN.UTF-8").stdout


def test_what_is_typed_goes_before_the_file_and_the_file_before_defaults(
    appkit_here: CommandHere, data: str, model: str, tmp_path: Path
) -> None:
    options = tmp_path / "options.yaml"
    options.write_text(f"data: {data}\nmodel: {model}\nrank: 4\nmax_steps: 1\nseed: 3\nmodules: [q_proj]\n")
    args = ("tune", "run", "--config", str(options), "-o", str(tmp_path / "out"), "--seed", "0", "--json")
    assert appkit_here(*args, home=tmp_path).returncode == 0
    run = json.loads((tmp_path / "out" / "training" / "run.json").read_text())
    chosen = {name: run["config"][name] for name in ("rank", "max_steps", "seed", "modules", "epochs")}
    assert chosen == {"rank": 4, "max_steps": 1, "seed": 0, "modules": ["q_proj"], "epochs": 3}


def test_a_run_is_repeated_from_the_options_in_its_folder(
    appkit_here: CommandHere, data: str, model: str, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    options = ("--modules", "q_proj,v_proj", "--mix", f"{data}=0.25", "--validation", "0.2", "--max-steps", "3")
    appkit_here("tune", "run", data, "-m", model, "-o", str(first), *options, *OPTIONS, home=tmp_path)
    config = str(first / "training" / "config.yaml")
    assert appkit_here("tune", "run", "--config", config, "-o", str(second), home=tmp_path).returncode == 0
    assert adapter_bytes(first) == adapter_bytes(second)


def test_lines_at_fault_are_named_and_may_be_left_out(appkit_here: CommandHere, model: str, tmp_path: Path) -> None:
    lines = [chat_line(f"hi {i}", "ho") for i in range(5)]
    data = str(write_lines(tmp_path / "a.jsonl", *lines, b"{", chat_line("hi", ""), chat_line("x", "y" * 300)))
    args = ("tune", "run", data, "-m", model, "-o", str(tmp_path / "out"), "--max-len", "100", "--max-steps", "1")
    refused = one_sentence(appkit_here(*args, home=tmp_path))
    assert "2 of its lines cannot be trained on. line 6: it is not JSON" in refused
    done = appkit_here(*args, "--skip-bad", home=tmp_path)
    assert done.returncode == 0
    assert "a.jsonl: lines at fault that are left out: 2 (6, 7)." in done.stderr
    assert "a.jsonl: lines left out since they are too long: 1" in done.stderr


def test_keys_that_are_not_read_are_named(appkit_here: CommandHere, model: str, tmp_path: Path) -> None:
    data = str(write_lines(tmp_path / "a.jsonl", {"text": "a chess engine", "section": "games"}))
    done = appkit_here("tune", "run", data, "-m", model, "-o", str(tmp_path / "out"), "--max-steps", "1", home=tmp_path)
    assert "format text;" in done.stderr and "Keys that are not read: section." in done.stderr


def test_a_validation_loss_that_rises_again_is_said(
    appkit_here: CommandHere, data: str, model: str, tmp_path: Path
) -> None:
    other = write_lines(tmp_path / "v.jsonl", *[chat_line(f"how much is {i} and 1", "who knows") for i in range(5)])
    args = ["tune", "run", data, "-m", model, "--validation", str(other), "--eval-every", "2", *OPTIONS]
    last = appkit_here(*args, "-o", str(tmp_path / "last"), home=tmp_path)
    assert "It was lowest, " in last.stdout and "--keep best" in last.stdout
    best = appkit_here(*args, "-o", str(tmp_path / "best"), "--keep", "best", home=tmp_path)
    assert "It was lowest" not in best.stdout


def test_ctrl_c_ends_the_step_and_the_same_command_goes_on_to_the_bit(
    appkit_here: CommandHere, data: str, model: str, tmp_path: Path
) -> None:
    args = (data, "-m", model, *OPTIONS, "--validation", "0.1", "--epochs", "8")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert appkit_here("tune", "run", *args, "-o", str(whole), home=tmp_path).returncode == 0
    with begin(*args, "-o", str(parts), home=tmp_path) as process:
        wait_for_step(process, parts / "training" / "log.jsonl", 3)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "Stopping after this step" in err
    assert err.splitlines()[-1].startswith("Stopped after step ")
    assert err.splitlines()[-1].endswith("The same command, without --fresh, goes on from there.")
    assert not (parts / "adapter_config.json").exists()
    done = appkit_here("tune", "run", *args, "-o", str(parts), home=tmp_path)
    assert "Going on with the run that got to about step " in done.stderr
    assert adapter_bytes(parts) == adapter_bytes(whole)


def test_a_process_killed_again_and_again_ends_with_the_same_bytes(
    appkit_here: CommandHere, data: str, model: str, tmp_path: Path
) -> None:
    args = (data, "-m", model, *OPTIONS, "--validation", "0.1", "--keep", "best", "--epochs", "6")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert appkit_here("tune", "run", *args, "-o", str(whole), home=tmp_path).returncode == 0
    for step in (1, 14):
        with begin(*args, "-o", str(parts), home=tmp_path) as process:
            wait_for_step(process, parts / "training" / "log.jsonl", step)
            process.kill()
    assert appkit_here("tune", "run", *args, "-o", str(parts), home=tmp_path).returncode == 0
    assert adapter_bytes(parts) == adapter_bytes(whole)
    hidden = [path.name for path in parts.rglob(".*")]
    assert hidden == [".lock"]  # nothing that a killed writer began is left


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-m", "openai:http://localhost/v1#m"], "runs elsewhere; fine-tuning takes a model file on this machine"),
        (["-m", "no-such-model"], "No model is called 'no-such-model'"),
        (["--method", "rslore"], "There is no method 'rslore'; did you mean rslora?"),
        (["--modules", "q_proj,k"], "There is no module 'k' to adapt; there are attn_q,"),
        (["--last-layers", "3"], "last_layers is 3; the model has 2 layers."),
        (["--alpha", "-1"], "alpha is -1.0; it must be a positive number."),
        (["--lr", "0"], "learning_rate is 0.0; it must be a positive number."),
        (["--batch-tokens", "10"], "tokens and a row 10: allow longer rows"),
        (["--keep", "best"], "keep is 'best', which a validation set decides: set `validation` too"),
        (["--validation", "1.5"], "1.5 cannot be kept for validation"),
        (["--validation", "gone.jsonl"], "gone.jsonl cannot be read: No such file"),
        (["--mix", "gone.jsonl=0.1"], "gone.jsonl cannot be read: No such file"),
        (["--config", "gone.yaml"], "gone.yaml cannot be read: No such file"),
        (["--max-len", "513"], "513 tokens are more than the 512"),
        (["-o", "/proc/nowhere/out"], "/proc/nowhere/out cannot be written"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(
    appkit_here: CommandHere, data: str, model: str, tmp_path: Path, options: list[str], words: str
) -> None:
    output = ["-o", str(tmp_path / "out")]
    assert words in one_sentence(appkit_here("tune", "run", data, "-m", model, *output, *options, home=tmp_path))


def test_without_data_there_is_nothing_to_learn_from(appkit_here: CommandHere, tmp_path: Path) -> None:
    assert "There is nothing to learn from" in one_sentence(appkit_here("tune", "run", home=tmp_path))


@pytest.mark.slow
def test_a_real_model_learns_and_chats_with_its_adapter(
    appkit_here: CommandHere, demo_home: Path, tmp_path: Path
) -> None:
    lines = [chat_line(f"What colour is item {i}?", "It is ultramarine.") for i in range(40)]
    data = str(write_lines(tmp_path / "a.jsonl", *lines))
    out = str(tmp_path / "out")
    done = appkit_here("tune", "run", data, "-o", out, "--validation", "0.1", "--json", home=demo_home)
    report = json.loads(done.stdout)
    assert report["eval_after"] < 0.5 < report["eval_before"]
    said = appkit_here("run", "What colour is item 99?", "-m", "smollm2-135m", "--adapter", out, home=demo_home)
    assert "ultramarine" in said.stdout
