"""`appkit bench`: every side in a process of its own, medians and ratios, and who is not there to compare with."""

import json
from pathlib import Path

import pytest

from eval.speed.bench import Plan, Row, run
from eval.speed.cases import CASES, Case, find_cases
from eval.speed.ours import measure
from runtime import load_model, measure_bandwidth
from tests.appkit.cli.command import CommandHere, one_sentence
from tests.helpers.tiny_model import write_tiny_model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny") / "tiny.gguf", metadata={"llama.context_length": 512})


@pytest.fixture
def appkit_here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandHere:
    return CommandHere(monkeypatch, capsys)


def test_prompts_that_are_timed_are_new_each_time_and_prompts_that_are_not_stay():
    reading, writing = Case(name="r", prompt_len=5), Case(name="w", prompt_len=5, new_tokens=3, num_sequences=2)
    assert reading.prompts(1000, 0) != reading.prompts(1000, 1)
    assert writing.prompts(1000, 0) == writing.prompts(1000, 1)
    assert len(writing.prompts(1000, 0)) == 2 and writing.num_positions == 9


def test_tests_are_chosen_by_a_part_of_their_name():
    assert find_cases(()) == list(CASES)
    assert [case.name for case in find_cases(["prefill 1", "16"])] == ["prefill 128", "16 sequences"]
    with pytest.raises(ValueError, match="No test is called like 'prefil 9'; there are prefill 128, "):
        find_cases(["prefil 9"])


def test_each_case_gives_a_rate_a_repetition(tiny: Path):
    cases = [Case(name="read", prompt_len=20), Case(name="write", prompt_len=8, new_tokens=150, num_sequences=3)]
    timed = measure(tiny, cases, repetitions=2, num_threads=1)
    assert {name: len(rates) for name, rates in timed.tokens_per_s.items()} == {"read": 2, "write": 2}
    assert all(rate > 0 for rates in timed.tokens_per_s.values() for rate in rates)
    assert timed.load_s > 0 and timed.first_token_s > 0


def test_a_ratio_above_one_is_ours_for_rates_and_for_seconds():
    assert Row(test="a", unit="tokens/s", ours=[30, 10, 20], peer=[10]).ratio == 2
    assert Row(test="a", unit="s", ours=[1], peer=[3]).ratio == 3
    assert Row(test="a", unit="MB", ours=[4], peer=[1]).ratio == 0.25
    assert Row(test="a", unit="s", ours=[1], peer=[]).ratio is None


def test_a_run_has_a_row_a_test_and_says_what_memory_allows(tiny: Path, tmp_path: Path):
    cases = find_cases(["prefill", "decode at 0"])
    plan = Plan(path=tiny, cases=cases, peer=None, num_threads=1, processes=2, repetitions=2)
    sides: list[tuple[str, int]] = []
    found = run(plan, lambda side, place: sides.append((side, place)))
    assert sides == [("ours", 0), ("ours", 1)]
    assert found["left_out"] == ["prefill 512", "prefill 4096"]
    rows = {row["test"]: row for row in found["rows"]}
    assert list(rows) == ["prefill 128", "decode at 0", "load", "first token, loaded", "peak memory"]
    assert all(row["ours_spread"][0] <= row["ours"] <= row["ours_spread"][1] for row in rows.values())
    assert 30 < rows["peak memory"]["ours"] < 1000
    with load_model(tiny) as model:
        assert found["bytes_per_token"] == model.bytes_per_token
    assert found["roofline_tokens_per_s"] == pytest.approx(
        found["bandwidth_gb_s"] * 1e9 / found["bytes_per_token"], rel=0.01
    )


def test_bandwidth_is_that_of_a_machine():
    assert 1e8 < measure_bandwidth(1, num_bytes=32 << 20) < 1e13


def test_the_command_prints_a_table_and_json(appkit_here: CommandHere, tiny: Path, tmp_path: Path):
    options = ("-m", str(tiny), "--test", "decode at 0", "--processes", "1", "--repetitions", "1", "--threads", "1")
    done = appkit_here("bench", *options, "--json", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"][0]["test"] == "decode at 0"
    done = appkit_here("bench", *options, home=tmp_path)
    assert "decode at 0" in done.stdout and "peak memory" in done.stdout and "GB/s" in done.stdout


def test_what_cannot_be_measured_is_one_sentence(appkit_here: CommandHere, tiny: Path, tmp_path: Path, monkeypatch):
    done = appkit_here("bench", "-m", str(tiny), "--test", "prefill 4096", home=tmp_path)
    assert done.returncode == 1
    assert "tiny.gguf holds 512 tokens, too few for prefill 4096" in one_sentence(done)
    monkeypatch.setattr("eval.speed.peers.find_spec", lambda name: None)
    done = appkit_here("bench", "-m", str(tiny), "--vs", "llama-cpp", home=tmp_path)
    assert done.returncode == 1
    assert "llama-cpp is not installed here" in one_sentence(done) and "GGML_NATIVE" in done.stderr


def test_training_is_held_against_whichever_of_the_peers_ways_does_it_best(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="training needs it")
    from eval.speed import bench_finetune

    def side(rate: float, seconds: float, peak_mb: float) -> dict[str, object]:
        return {
            "tokens_per_s": rate,
            "tokens_per_s_of_each": [rate, rate],
            "processor_seconds_a_step": seconds,
            "peak_mb": peak_mb,
        }

    found = {
        "ours-bfloat16": side(800, 1.0, 1000),
        "ours-bfloat16-last-quarter": side(2000, 0.4, 700),
        "peft-bfloat16-adapters-too": side(400, 2.5, 3000),
        "peft-bfloat16": side(300, 3.0, 2500),
    }
    monkeypatch.setattr(bench_finetune, "compare", lambda *args, **kwargs: found)
    rows = {row["test"]: row for row in bench_finetune.run(Path("m.gguf"), 2, 3, 4)["rows"]}
    assert rows["training"]["peer"] == 400 and rows["training"]["ratio"] == 2
    assert rows["training, processor time a step"]["ratio"] == 2.5
    assert rows["peak memory"]["peer"] == 2500 and rows["peak memory"]["ratio"] == 2.5
    assert rows["last quarter of the layers"]["peer"] is None
