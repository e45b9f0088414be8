"""`evaluate`: what it asks, what it keeps, what it refuses."""

import json
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

import pytest

import appkit
from appkit import ScriptedModel
from appkit.errors import EvaluationError
from eval.harness.run import evaluate, load_run
from eval.harness.task import Answered, Sample
from runtime.files import FileLock, write_atomic
from tests.helpers.small_task import SmallSession, SmallTask


def answer(question: object) -> str:
    first = int(str(question).split()[0])
    return str(first + (first % 3 != 0))


def model() -> ScriptedModel:
    return ScriptedModel(answer)


def asked(log: Path) -> list[int]:
    return [int(line) for line in log.read_text().split()] if log.exists() else []


def test_a_run_has_figures_samples_and_files(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    run = evaluate(SmallTask(), model(), output=tmp_path, on_progress=lambda done, total: seen.append((done, total)))
    assert (run.task, run.model, run.num_samples) == ("sums", "scripted", 6)
    assert run.figures["acc"].value == pytest.approx(4 / 6)
    assert run.figures["acc"].interval is not None
    assert [measure.name for measure in run.measures] == ["acc", "chars"]
    assert seen == [(done, 6) for done in range(7)]
    sample, answered = run.samples[4]
    assert (sample.doc, sample.target, sample.cluster) == ({"question": "4 + 1 ="}, "5", "page 2")
    assert (answered.values, answered.notes) == ({"acc": 1.0, "length": 1.0}, {"said": "5"})
    assert answered.token_logprobs == [("5", -0.1)]


def test_results_are_in_the_layout_of_lm_eval(tmp_path: Path) -> None:
    run = evaluate(SmallTask(), model(), limit=4, output=tmp_path)
    results = json.loads((tmp_path / "results.json").read_text())
    figure = run.figures["acc"]
    assert results["results"]["sums"]["acc,none"] == figure.value
    assert results["results"]["sums"]["acc_stderr,none"] == figure.standard_error
    assert results["results"]["sums"]["sample_len"] == 4
    assert results["n-samples"] == {"sums": {"original": None, "effective": 4}}
    assert results["higher_is_better"] == {"sums": {"acc": True, "chars": False}}
    assert (results["versions"], results["n-shot"]) == ({"sums": "1"}, {"sums": 0})
    assert results["config"] == {"model": "appkit-scripted", "model_args": "scripted", "limit": 4}
    stored = results["appkit"]["figures"]["acc"]
    assert figure.interval == (stored["low"], stored["high"])
    assert results["appkit"]["task"]["settings"]["num_samples"] == 6


def test_samples_are_in_the_layout_of_lm_eval(tmp_path: Path) -> None:
    evaluate(SmallTask(), model(), output=tmp_path)
    line = json.loads((tmp_path / "samples.jsonl").read_text().splitlines()[2])
    assert line["arguments"] == {"gen_args_0": {"arg_0": "2 + 1 =", "arg_1": {"max_gen_toks": 6}}}
    assert (line["doc_id"], line["resps"], line["filtered_resps"], line["filter"]) == (2, ["3"], ["3"], "none")
    assert line["metrics"] == ["acc", "length"]
    assert (line["acc"], line["length"]) == (1.0, 1.0)
    # printf '{\n  "question": "2 + 1 ="\n}' | sha256sum, and printf 3 | sha256sum
    assert line["doc_hash"] == "f4d015e7c0ed2b506e8ba84c4e8b06db5570caeb43e5cb9df6b9d0e56b6cb585"
    assert line["target_hash"] == "4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce"


def test_order_and_number_in_flight_change_no_byte(tmp_path: Path) -> None:
    evaluate(SmallTask(num_samples=40), model(), output=tmp_path / "one")
    evaluate(SmallTask(num_samples=40, in_flight=8, seconds=0.001), model(), output=tmp_path / "eight")
    for name in ("results.json", "samples.jsonl"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "eight" / name).read_bytes()


def test_samples_are_asked_at_once(tmp_path: Path) -> None:
    barrier = threading.Barrier(3, timeout=10)

    def together(question: object) -> str:
        barrier.wait()  # breaks unless three are under way
        return answer(question)

    run = evaluate(SmallTask(in_flight=3), ScriptedModel(together), output=tmp_path)
    assert run.num_samples == 6


def test_a_finished_run_asks_nothing_and_keeps_its_files(tmp_path: Path) -> None:
    evaluate(SmallTask(), model(), output=tmp_path / "run")
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    evaluate(SmallTask(asked_log=tmp_path / "log"), model(), output=tmp_path / "run")
    assert asked(tmp_path / "log") == []
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}


def test_a_larger_limit_asks_only_what_is_new(tmp_path: Path) -> None:
    evaluate(SmallTask(), model(), limit=2, output=tmp_path / "run")
    evaluate(SmallTask(asked_log=tmp_path / "log"), model(), output=tmp_path / "run")
    assert asked(tmp_path / "log") == [2, 3, 4, 5]
    evaluate(SmallTask(), model(), output=tmp_path / "whole")
    assert (tmp_path / "run/results.json").read_bytes() == (tmp_path / "whole/results.json").read_bytes()


def test_a_smaller_limit_loses_nothing(tmp_path: Path) -> None:
    evaluate(SmallTask(), model(), output=tmp_path / "run")
    small = evaluate(SmallTask(asked_log=tmp_path / "log"), model(), limit=2, output=tmp_path / "run")
    assert small.figures["acc"].n == 2 == len(small.samples)
    evaluate(SmallTask(asked_log=tmp_path / "log"), model(), output=tmp_path / "run")
    assert asked(tmp_path / "log") == []


def test_a_smaller_limit_that_is_stopped_between_its_files_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = evaluate(SmallTask(), model(), output=tmp_path / "run").results

    def stopped(path: Path) -> AbstractContextManager[IO[bytes]]:
        if path.name == "results.json":
            raise OSError("stopped")
        return write_atomic(path)

    with monkeypatch.context() as patch, pytest.raises(OSError, match="stopped"):
        patch.setattr("eval.harness.run_folder.write_atomic", stopped)
        evaluate(SmallTask(), model(), limit=2, output=tmp_path / "run")
    assert len((tmp_path / "run/samples.jsonl").read_bytes().splitlines()) == 2
    again = evaluate(SmallTask(asked_log=tmp_path / "log"), model(), output=tmp_path / "run")
    assert (again.results, asked(tmp_path / "log")) == (whole, [])


def test_fresh_asks_everything_again(tmp_path: Path) -> None:
    evaluate(SmallTask(version="0"), model(), output=tmp_path / "run")
    evaluate(SmallTask(asked_log=tmp_path / "log"), model(), output=tmp_path / "run", fresh=True)
    assert asked(tmp_path / "log") == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("task", "named"),
    [
        (SmallTask(version="2"), 'task.version is "1" there and "2" here'),
        (SmallTask(more_settings={"shots": 3}), "task.settings.shots is null there and 3 here"),
        (SmallTask(name="others"), 'task.name is "sums" there and "others" here'),
    ],
    ids=["version", "setting", "name"],
)
@pytest.mark.parametrize("is_finished", [True, False], ids=["finished", "under way"])
def test_runs_that_differ_are_not_mixed(tmp_path: Path, task: SmallTask, named: str, is_finished: bool) -> None:
    if is_finished:
        evaluate(SmallTask(), model(), output=tmp_path)
    else:
        stop_after(2, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(EvaluationError, match=named):
        evaluate(task, model(), output=tmp_path)
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def stop_after(count: int, folder: Path) -> None:
    def failing(question: object) -> str:
        if int(str(question).split()[0]) >= count:
            raise OSError("the line is dead")
        return answer(question)

    with pytest.raises(OSError, match="the line is dead"):
        evaluate(SmallTask(), ScriptedModel(failing), output=folder)


def test_what_is_done_when_a_model_fails_is_kept(tmp_path: Path) -> None:
    stop_after(4, tmp_path / "run")
    with pytest.raises(EvaluationError, match=r"holds no results\.json"):
        load_run(tmp_path / "run")
    evaluate(SmallTask(asked_log=tmp_path / "log"), model(), output=tmp_path / "run")
    assert asked(tmp_path / "log") == [4, 5]


def test_a_failure_keeps_what_was_under_way_beside_it(tmp_path: Path) -> None:
    failed = threading.Event()

    def one_fails(question: object) -> str:
        if str(question).startswith("0 "):
            failed.set()
            raise OSError("the line is dead")
        assert failed.wait(10)
        return answer(question)

    with pytest.raises(OSError, match="the line is dead"):
        evaluate(SmallTask(in_flight=3), ScriptedModel(one_fails), output=tmp_path / "run")
    evaluate(SmallTask(asked_log=tmp_path / "log"), model(), output=tmp_path / "run")
    assert not {1, 2} & set(asked(tmp_path / "log"))
    assert asked(tmp_path / "log")[0] == 0


def test_data_that_changed_are_not_mixed(tmp_path: Path) -> None:
    evaluate(SmallTask(), model(), limit=3, output=tmp_path)
    with pytest.raises(EvaluationError, match="3 of 3 samples that are done have other contents now, the first is 0"):
        evaluate(SmallTask(step=2), model(), output=tmp_path)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with FileLock(tmp_path / ".lock"), pytest.raises(EvaluationError, match="Another process runs this evaluation"):
        evaluate(SmallTask(), model(), output=tmp_path)


def test_the_usual_folder_is_by_task_settings_and_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPKIT_HOME", str(tmp_path))
    tasks = [SmallTask(), SmallTask(version="2"), SmallTask(more_settings={"shots": 3})]
    folders = {evaluate(task, model()).folder for task in tasks}
    folders.add(evaluate(SmallTask(), ScriptedModel(answer, name="openai:http://host/v1#a/b")).folder)
    assert len(folders) == 4
    assert {folder.parent for folder in folders} == {tmp_path / "evaluations" / "sums"}
    assert evaluate(SmallTask(in_flight=2), model()).folder in folders


def test_a_task_without_a_model_gets_none(tmp_path: Path) -> None:
    run = evaluate(SmallTask(needs_model=False), "no such model", output=tmp_path)
    assert (run.model, run.figures["acc"].value) == ("none", 0.0)


def test_a_model_by_name_is_opened_and_told_apart_by_its_script(tmp_path: Path) -> None:
    assert evaluate(SmallTask(), "scripted:3", output=tmp_path).figures["acc"].value == pytest.approx(1 / 6)
    with pytest.raises(EvaluationError, match=r"model\.digest is"):
        evaluate(SmallTask(), "scripted:4", output=tmp_path)


def test_it_is_a_name_of_appkit() -> None:
    assert appkit.evaluate is evaluate


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(tmp_path: Path, limit: int) -> None:
    with pytest.raises(ValueError, match=f"limit is {limit}"):
        evaluate(SmallTask(), model(), limit=limit, output=tmp_path)


def test_settings_belong_to_the_name_of_a_task(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Settings are chosen where a task is made"):
        evaluate(SmallTask(), model(), settings={"shots": 1}, output=tmp_path)


def test_a_task_without_samples_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="sums has no samples"):
        evaluate(SmallTask(num_samples=0), model(), output=tmp_path)


@pytest.mark.parametrize(
    ("values", "fault"),
    [({"acc": float("nan")}, "'acc' as nan"), ({"doc": 1.0}, "'doc' as 1.0"), ({"acc": float("inf")}, "'acc' as inf")],
    ids=["nan", "reserved", "inf"],
)
def test_values_that_no_file_holds_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: Mapping[str, float], fault: str
) -> None:
    def ask(self: SmallSession, sample: Sample) -> Answered:
        return Answered(arguments=[("a",)], resps=[1], filtered_resps=[1], values=values)

    monkeypatch.setattr(SmallSession, "ask", ask)
    with pytest.raises(EvaluationError, match=fault):
        evaluate(SmallTask(), model(), output=tmp_path)


def test_a_document_that_is_not_json_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(self: SmallSession, sample: Sample) -> Answered:
        return Answered(arguments=[("a",)], resps=[{1, 2}], filtered_resps=[1], values={"acc": 1.0})

    monkeypatch.setattr(SmallSession, "ask", ask)
    with pytest.raises(EvaluationError, match="is not JSON"):
        evaluate(SmallTask(), model(), output=tmp_path)
