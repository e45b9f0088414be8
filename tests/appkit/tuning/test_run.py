"""`tune`: an adapter that helps, runs that go on to the bit, and folders that hold what they should at any moment."""

import dataclasses
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from appkit import Chat, LocalModel, Message, TuneResult, TuningError, evaluate, tune
from appkit.tuning.config import TuneConfig
from appkit.tuning.data import prepare_rows
from runtime import LoraSettings, TrainingDivergedError, load_model, read_peft
from runtime.errors import TrainingDataError
from runtime.files import FileLock
from runtime.loaders.model_text import load_model_text
from tests.helpers.small_task import SmallTask
from tests.helpers.tiny_model import CHAT_TEMPLATE, write_tiny_model
from tests.helpers.training_data import chat_line, write_lines
from tests.helpers.tuning import adapter_bytes, write_sums

pytest.importorskip("torch", reason="training needs it")
from runtime import TrainableLora, load_frozen_decoder, mean_loss

OPTIONS = {"learning_rate": 5e-3, "batch_tokens": 200, "epochs": 2, "save_every": 4}  # about twenty steps


class Stop(Exception):  # noqa: N818 (it is no error)
    """What a test ends a run with."""


def stop_at(step):
    def hear(progress):
        if progress.step == step:
            raise Stop

    return hear


def test_an_adapter_is_trained_and_helps(data, model, tmp_path):
    result = tune(data, model, output=tmp_path / "out", validation=0.1, **OPTIONS)
    assert result.is_finished and result.num_steps == len(result.losses) == result.kept_step
    assert result.eval_after < result.eval_before - 1
    assert result.num_tokens > 1000 and result.seconds > 0
    question = [Message(role="user", content="how much is 7 and 1")]
    with LocalModel(model) as base:
        before = base.score(question, "it is 8")
        after = base.with_adapter(result).score(question, "it is 8")
    assert np.mean(after) > np.mean(before) + 1


def test_a_result_opens_a_model_as_its_folder_does(data, model, tmp_path):
    result = tune(data, model, output=tmp_path / "out", max_steps=2, **OPTIONS)
    assert result.folder == tmp_path / "out"
    with LocalModel(model, adapter=result) as one, LocalModel(model, adapter=result.folder) as other:
        assert one.adapter.digest == other.adapter.digest


def test_a_result_serves_chats_and_evaluations(data, model, tmp_path):
    result = tune(data, model, output=tmp_path / "out", max_steps=2, **OPTIONS)
    with Chat(str(model), adapter=result) as chat:
        assert chat.model.adapter is not None
    run = evaluate(SmallTask(num_samples=1), str(model), adapter=result, output=tmp_path / "run")
    assert run.model == "tiny+out"


@pytest.mark.parametrize("method", ["lora", "rslora"])
def test_the_file_says_what_the_method_is(data, model, tmp_path, method):
    tune(data, model, output=tmp_path / "out", max_steps=2, method=method, rank=4, dropout=0.1, **OPTIONS)
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert (config["r"], config["lora_dropout"], config.get("use_rslora", False)) == (4, 0.1, method == "rslora")


@pytest.mark.parametrize("saving", ["quantized", "checkpoint_activations"])
def test_what_saves_memory_changes_no_bit(data, tmp_path, saving):
    keys = {"tokenizer.chat_template": CHAT_TEMPLATE}
    model = write_tiny_model(tmp_path / "tiny.gguf", format="Q8_0", metadata=keys)
    usual = tune(data, model, output=tmp_path / "usual", max_steps=3, **OPTIONS)
    spared = tune(data, model, output=tmp_path / "spared", max_steps=3, **{saving: True}, **OPTIONS)
    assert adapter_bytes(spared.folder) == adapter_bytes(usual.folder)


@pytest.mark.parametrize("stops", [[5], [4, 5, 9], [1]])
def test_a_run_that_was_stopped_ends_with_the_same_bytes(data, model, tmp_path, stops):
    options = {"validation": 0.1, "dropout": 0.1, **OPTIONS}
    whole = tune(data, model, output=tmp_path / "whole", **options)
    for step in stops:
        with pytest.raises(Stop):
            tune(data, model, output=tmp_path / "parts", on_progress=stop_at(step), **options)
    parts = tune(data, model, output=tmp_path / "parts", **options)
    assert adapter_bytes(parts.folder) == adapter_bytes(whole.folder)
    timeless = {"folder": Path(), "seconds": 0.0}
    assert dataclasses.replace(parts, **timeless) == dataclasses.replace(whole, **timeless)


def test_a_finished_run_is_not_done_again(data, model, tmp_path):
    first = tune(data, model, output=tmp_path / "out", max_steps=3, **OPTIONS)
    again = tune(data, model, output=tmp_path / "out", max_steps=3, on_progress=stop_at(1), **OPTIONS)
    assert again == first


def never(progress):
    raise AssertionError(f"step {progress.step} was done again")


def test_a_run_killed_behind_its_last_step_only_writes_what_is_missing(data, model, tmp_path):
    result = tune(data, model, output=tmp_path / "out", validation=0.1, max_steps=5, **OPTIONS)
    expected = adapter_bytes(result.folder)
    (result.folder / "training" / "result.json").unlink()
    (result.folder / "adapter_config.json").unlink()
    again = tune(data, model, output=tmp_path / "out", validation=0.1, max_steps=5, on_progress=never, **OPTIONS)
    assert again == result
    assert adapter_bytes(again.folder) == expected


def test_the_best_adapter_is_kept_also_by_a_run_that_was_stopped(data, model, tmp_path):
    other = write_lines(tmp_path / "v.jsonl", *[chat_line(f"how much is {i} and 1", "who knows") for i in range(5)])
    options = {**OPTIONS, "validation": str(other), "keep": "best", "eval_every": 2, "epochs": 3}
    result = tune(data, model, output=tmp_path / "out", **options)
    assert 0 < result.kept_step < result.num_steps  # what is learnt later does harm there
    assert result.eval_after == min(loss for _, loss in result.eval_losses)
    config = TuneConfig(data=str(data), model=str(model), **{**options, "validation": str(other)})
    rows = prepare_rows(config, load_model_text(model)).eval_rows
    decoder = load_frozen_decoder(model, "bfloat16")
    adapter = TrainableLora(decoder, LoraSettings())
    with load_model(model) as opened:
        adapter.load_lora_weights_(read_peft(result.folder, opened))
    assert mean_loss(decoder, adapter, rows) == result.eval_after
    with pytest.raises(Stop):
        tune(data, model, output=tmp_path / "parts", on_progress=stop_at(result.kept_step + 3), **options)
    parts = tune(data, model, output=tmp_path / "parts", **options)
    assert adapter_bytes(parts.folder) == adapter_bytes(result.folder)
    assert not (parts.folder / "training" / "best").exists()


def test_beginning_anew_keeps_the_old_adapter_until_the_new_one_is_complete(data, model, tmp_path):
    old = tune(data, model, output=tmp_path / "out", max_steps=2, **OPTIONS)
    expected = adapter_bytes(old.folder)
    changed = {**OPTIONS, "rank": 4}
    with pytest.raises(TuningError, match="holds a finished run with other options: rank is 8 there and 4 here"):
        tune(data, model, output=tmp_path / "out", max_steps=2, **changed)
    with pytest.raises(Stop):
        tune(data, model, output=tmp_path / "out", fresh=True, on_progress=stop_at(3), **changed)
    assert adapter_bytes(old.folder) == expected
    new = tune(data, model, output=tmp_path / "out", **changed)
    assert new.is_finished
    assert json.loads((tmp_path / "out" / "adapter_config.json").read_text())["r"] == 4


def test_data_or_a_model_that_changed_are_noticed(data, model, tmp_path):
    with pytest.raises(Stop):
        tune(data, model, output=tmp_path / "out", on_progress=stop_at(2), **OPTIONS)
    write_sums(data, 41)
    with pytest.raises(TuningError, match=r"an unfinished run, and .*sums\.jsonl has changed since it was begun"):
        tune(data, model, output=tmp_path / "out", **OPTIONS)
    write_sums(data)
    model.write_bytes(model.read_bytes() + b"\0")
    with pytest.raises(TuningError, match="and model tiny has changed since"):
        tune(data, model, output=tmp_path / "out", **OPTIONS)


def test_the_default_folder_is_one_for_data_model_and_options(data, model, tmp_path, monkeypatch):
    monkeypatch.setenv("APPKIT_HOME", str(tmp_path / "home"))
    one = tune(data, model, max_steps=1, **OPTIONS)
    assert one.folder.parent == tmp_path / "home" / "adapters"
    assert one.folder.name.startswith("sums-tiny-")
    assert tune(data, model, max_steps=1, on_progress=never, **OPTIONS) == one
    assert tune(data, model, max_steps=2, **OPTIONS).folder != one.folder


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("notes.txt", r"is not empty \(notes.txt\): give a new folder"),
        ("adapter_config.json", "holds an adapter that was not trained here"),
        ("training/notes.txt", r"is not empty \(notes.txt\)"),
    ],
)
@pytest.mark.parametrize("fresh", [False, True])
def test_a_folder_of_something_else_is_left_alone(data, model, tmp_path, content, message, fresh):
    stray = tmp_path / "out" / content
    stray.parent.mkdir(parents=True)
    stray.write_text("mine")
    with pytest.raises(TuningError, match=message):
        tune(data, model, output=tmp_path / "out", fresh=fresh, **OPTIONS)
    assert stray.read_text() == "mine"


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"[" * 9999, b'{"format": "x"}', b'{"format": "appkit-tuning", "version": 1, "config": {"a": 1}}'],
)
def test_a_run_that_cannot_be_read_is_left_alone(data, model, tmp_path, content):
    path = tmp_path / "out" / "training" / "run.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    for fresh in (False, True):
        with pytest.raises(TuningError, match="is no run of this version"):
            tune(data, model, output=tmp_path / "out", fresh=fresh, **OPTIONS)
    assert path.read_bytes() == content


def test_a_file_in_the_place_of_the_folder_is_refused(data, model, tmp_path):
    with pytest.raises(TuningError, match=r"sums\.jsonl is a file; name a folder"):
        tune(data, model, output=data, **OPTIONS)


def test_two_processes_do_not_train_in_one_folder(data, model, tmp_path):
    with FileLock(tmp_path / "out" / "training" / ".lock"), pytest.raises(TuningError, match="Another process trains"):
        tune(data, model, output=tmp_path / "out", **OPTIONS)


def test_a_damaged_result_is_told(data, model, tmp_path):
    tune(data, model, output=tmp_path / "out", max_steps=1, **OPTIONS)
    (tmp_path / "out" / "training" / "result.json").write_text('{"losses": "many"}')
    with pytest.raises(TuningError, match="has a damaged result: begin anew"):
        tune(data, model, output=tmp_path / "out", max_steps=1, **OPTIONS)


def test_pairs_teach_a_preference(model, tmp_path):
    lines = [{"prompt": f"how much is {i}", "chosen": "it is much", "rejected": "no idea"} for i in range(20)]
    data = write_lines(tmp_path / "pairs.jsonl", *lines)
    result = tune(data, model, output=tmp_path / "out", validation=0.2, learning_rate=5e-3, epochs=4)
    assert result.eval_before == pytest.approx(math.log(2), abs=1e-6)
    assert result.eval_after < 0.5
    with LocalModel(model, adapter=result) as tuned:
        question = [Message(role="user", content="how much is 3")]
        assert np.mean(tuned.score(question, "it is much")) > np.mean(tuned.score(question, "no idea"))


def test_pairs_are_learnt_from_at_a_tenth_of_the_usual_rate(data, model, tmp_path):
    pairs = write_lines(tmp_path / "pairs.jsonl", *[{"prompt": f"q{i}", "chosen": "a", "rejected": "b"} for i in "ab"])
    usual = tune(data, model, output=tmp_path / "one", max_steps=1).learning_rate
    assert usual == pytest.approx(2e-4 * (2048 / 64) ** 0.78)
    assert tune(pairs, model, output=tmp_path / "two", max_steps=1).learning_rate == pytest.approx(usual / 10)
    assert tune(pairs, model, output=tmp_path / "three", max_steps=1, learning_rate=0.5).learning_rate == 0.5


def test_a_learning_rate_that_is_far_too_high_is_told_in_a_sentence(data, model, tmp_path):
    with pytest.raises(TrainingDivergedError, match=r"Training diverged: at step .* Choose a lower learning rate"):
        wild = {"learning_rate": 1e30, "schedule": "constant", "warmup_share": 0.0, "max_grad_norm": 1e9}
        tune(data, model, output=tmp_path / "out", **{**OPTIONS, **wild})
    assert not (tmp_path / "out" / "adapter_config.json").exists()


def test_a_module_that_there_is_not_is_told_with_those_there_are(data, model, tmp_path):
    with pytest.raises(ValueError, match=r"There is no module 'query' to adapt; there are attn_q, .*q_proj"):
        tune(data, model, output=tmp_path / "out", modules=["query"])
    assert not (tmp_path / "out").exists()


def test_a_method_that_there_is_not_is_told_with_the_near_one(data, model):
    with pytest.raises(ValueError, match=r"There is no method 'loora'; did you mean lora\?"):
        tune(data, model, method="loora")


def test_a_model_that_makes_embeddings_is_refused(data, tmp_path):
    embedder = write_tiny_model(tmp_path / "bert.gguf", "bert")
    with pytest.raises(ValueError, match="bert turns texts into vectors and writes nothing"):
        tune(data, embedder)


def test_data_are_checked_before_torch_is_imported(model, tmp_path):
    bad = write_lines(tmp_path / "bad.jsonl", chat_line("hi", "ho"), b"{")
    code = (
        "import sys\nfrom appkit import tune\n"
        f"try: tune({str(bad)!r}, {str(model)!r}, output={str(tmp_path / 'out')!r})\n"
        "except Exception as error: print(error)\nprint('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "1 of its lines cannot be trained on. line 2: it is not JSON" in done.stdout
    assert done.stdout.endswith("\nFalse\n")
    assert not (tmp_path / "out").exists()


def test_without_torch_the_extra_to_install_is_named(data, model, monkeypatch):
    monkeypatch.setattr("appkit.tuning.begin.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'needs torch.*pip install "appkit-llm\[train\]"'):
        tune(data, model)


def test_data_that_are_not_there_are_named(model, tmp_path):
    with pytest.raises(TrainingDataError, match=r"gone\.jsonl cannot be read: No such file"):
        tune(tmp_path / "gone.jsonl", model)


def test_a_full_disk_leaves_a_folder_to_go_on_from(data, model, tmp_path):
    whole = tune(data, model, output=tmp_path / "whole", **OPTIONS)
    code = (
        "import resource, sys\nfrom appkit import tune\n"
        "def limit(progress):\n"
        "    if progress.step == 6: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))\n"
        f"options = dict(output={str(tmp_path / 'out')!r}, on_progress=limit, **{OPTIONS!r})\n"
        f"try: tune({str(data)!r}, {str(model)!r}, **options)\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(
        f"TuningError {tmp_path / 'out'} cannot be written (File too large). What was written"
    )
    result = tune(data, model, output=tmp_path / "out", **OPTIONS)
    assert adapter_bytes(result.folder) == adapter_bytes(whole.folder)


def test_a_disk_that_is_too_small_is_told_before_the_first_step(data, model, tmp_path, monkeypatch):
    monkeypatch.setattr("appkit.tuning.run.free_bytes", lambda folder: 1_000_000)
    with pytest.raises(TuningError, match="has 1 MB of disk left and this run takes up to 17"):
        tune(data, model, output=tmp_path / "out", on_progress=never)


def test_a_result_is_a_path(data, model, tmp_path):
    result = tune(data, model, output=tmp_path / "out", max_steps=1, **OPTIONS)
    assert isinstance(result, TuneResult)
    assert Path(result) == tmp_path / "out"
