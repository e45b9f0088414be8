"""`appkit tune plan`: figures before a run, what to change where it does not fit, and wrong words in a sentence."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.appkit.cli.command import CommandHere, environment, one_sentence
from tests.helpers.tuning import write_sums, write_tiny_chat_model

pytest.importorskip("torch", reason="the probe of a plan needs it")

METHODS = ("lora", "rslora", "dora", "bottleneck", "prompt-tuning", "prefix-tuning")


@pytest.fixture
def model(tmp_path: Path) -> str:
    return str(write_tiny_chat_model(tmp_path))


@pytest.fixture
def data(tmp_path: Path) -> str:
    return str(write_sums(tmp_path / "sums.jsonl"))


def test_memory_steps_and_time_are_told(appkit_here: CommandHere, data: str, model: str, tmp_path: Path) -> None:
    done = appkit_here("tune", "plan", data, "-m", model, home=tmp_path)
    assert done.returncode == 0
    for words in ("lora: ", "parameters trained", "Steps: ", "MiB  weights of the model", "available", "Time: about "):
        assert words in done.stdout
    assert not list(tmp_path.rglob("adapters"))  # nothing is written


@pytest.mark.parametrize("method", METHODS)
def test_a_plan_of_every_method_has_the_steps_and_parameters_of_its_run(
    appkit_here: CommandHere, data: str, model: str, tmp_path: Path, method: str
) -> None:
    options = (data, "-m", model, "--method", method, "--max-steps", "2", "--json")
    plan = json.loads(appkit_here("tune", "plan", *options, "--no-probe", home=tmp_path).stdout)
    run = json.loads(appkit_here("tune", "run", *options, "-o", str(tmp_path / "out"), home=tmp_path).stdout)
    assert (plan["steps"], plan["parameters"]) == (run["steps"], run["parameters"])
    assert plan["tokens"] == pytest.approx(run["tokens"], rel=0.2)  # of two rows, by the mean of all
    assert plan["seconds"] is None and plan["peak_bytes"] == sum(plan["memory_bytes"].values())


def test_without_a_probe_torch_is_not_imported(data: str, model: str, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from appkit.cli.main import main\n"
        f"main(['tune', 'plan', {data!r}, '-m', {model!r}, '--no-probe'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "MiB  in all" in done.stdout


def test_a_probe_without_torch_says_what_to_do(
    appkit_here: CommandHere, data: str, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appkit.tuning.plan.find_spec", lambda name: None)
    done = appkit_here("tune", "plan", data, "-m", model, home=tmp_path)
    assert done.returncode != 0 and "Without a probe (--no-probe)" in done.stderr.replace("\n", " ")


@pytest.mark.parametrize("language", ["C.UTF-8", "zh_CN.UTF-8"])
def test_what_does_not_fit_names_options_with_their_figures_and_is_not_probed(
    appkit_here: CommandHere, data: str, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    monkeypatch.setattr("runtime.training.planner.available_memory_bytes", lambda: 1 << 20)
    monkeypatch.setattr("appkit.tuning.plan._probe", None)
    done = appkit_here("tune", "plan", data, "-m", model, home=tmp_path, LANG=language)
    assert done.returncode == 1
    assert "  --checkpoint-activations  " in done.stdout and "--batch-tokens " in done.stdout
    assert ("内存不足" if language.startswith("zh") else "This does not fit.") in done.stdout


def test_a_run_that_does_not_fit_is_refused_unless_told(
    appkit_here: CommandHere, data: str, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.training.planner.available_memory_bytes", lambda: 100 << 20)
    options = ("tune", "run", data, "-m", model, "--max-steps", "1", "-o", str(tmp_path / "out"))
    refused = one_sentence(appkit_here(*options, home=tmp_path))
    assert "MiB of memory, and 100 are available: appkit tune plan tells which options" in refused
    assert not (tmp_path / "out").exists()
    assert appkit_here(*options, "--ignore-memory", home=tmp_path).returncode == 0


def test_a_system_that_tells_no_memory_is_said_to(
    appkit_here: CommandHere, data: str, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.training.planner.available_memory_bytes", lambda: None)
    done = appkit_here("tune", "plan", data, "-m", model, "--no-probe", home=tmp_path)
    assert done.returncode == 0 and "does not say how much memory" in done.stdout


def test_preference_pairs_are_planned(appkit_here: CommandHere, model: str, tmp_path: Path) -> None:
    line = {"prompt": "hi", "chosen": "yes", "rejected": "a long answer that nobody asked for"}
    path = tmp_path / "pairs.jsonl"
    path.write_text(f"{json.dumps(line)}{os.linesep}" * 8)
    report = json.loads(appkit_here("tune", "plan", str(path), "-m", model, "--json", home=tmp_path).stdout)
    assert report["seconds"] > 0 and report["fits"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-m", "openai:http://localhost/v1#m"], "runs elsewhere; fine-tuning takes a model file on this machine"),
        (["--method", "rslore"], "There is no method 'rslore'; did you mean rslora?"),
        (["--modules", "q_proj,k"], "There is no module 'k' to adapt; there are attn_q,"),
        (["--last-layers", "3"], "last_layers is 3; the model has 2 layers."),
        (["--batch-tokens", "10"], "tokens and a row 10: allow longer rows"),
        (["--validation", "gone.jsonl"], "gone.jsonl cannot be read: No such file"),
        (["--config", "gone.yaml"], "gone.yaml cannot be read: No such file"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(
    appkit_here: CommandHere, data: str, model: str, tmp_path: Path, options: list[str], words: str
) -> None:
    assert words in one_sentence(appkit_here("tune", "plan", data, "-m", model, *options, home=tmp_path))
