"""The samples of a task as data for the page: joined over runs, in parts, within bounds that are told."""

import json
from pathlib import Path
from typing import Any

from eval.harness.stored_run import Run, load_run
from eval.reports import sample_data
from eval.reports.sample_data import MAX_FIELDS, MAX_REQUESTS, script_json, task_samples
from tests.helpers.evaluation_runs import figure, record, write_run


def run_of(folder: Path, records: list[dict[str, Any]]) -> Run:
    return load_run(write_run(folder, records, {"acc": figure(0.5)}))


def texts_of(part: dict[str, Any], numbers: list[int]) -> list[str]:
    return ["".join(map(str, part["texts"][number])) for number in numbers]


def test_runs_are_joined_by_number_and_document(tmp_path: Path) -> None:
    a = run_of(tmp_path / "a", [record(0, "one?", "1", acc=1.0), record(1, "two?", "3", acc=0.0)])
    b = run_of(tmp_path / "b", [record(1, "two?", "2", acc=1.0), record(2, "three?", "3", acc=1.0)])
    index = task_samples([a, b]).index
    assert index["ids"] == [0, 1, 2]
    assert index["labels"] == ["one?", "two?", "three?"]
    assert index["values"] == [[[1.0, 0.0, None]], [[None, 1.0, 1.0]]]


def test_another_document_under_the_same_number_is_another_sample(tmp_path: Path) -> None:
    a = run_of(tmp_path / "a", [record(0, "one?", "1", acc=1.0)])
    b = run_of(tmp_path / "b", [record(0, "uno?", "1", acc=1.0)])
    assert task_samples([a, b]).index["labels"] == ["one?", "uno?"]


def test_equal_answers_have_equal_numbers(tmp_path: Path) -> None:
    answers = [["1", "1", "2"], ["same", "same", "same"]]
    runs = [
        run_of(tmp_path / str(place), [record(idx, f"{idx}?", row[place]) for idx, row in enumerate(answers)])
        for place in range(3)
    ]
    assert task_samples(runs).index["answers"] == [[0, 0, 1], [0, 0, 0]]


def test_of_scored_continuations_the_likeliest_is_the_answer(tmp_path: Path) -> None:
    """Scores differ from run to run of any two models; what they make of a question may not."""
    scores = [[-3.0, -1.0], [-9.0, -2.0], [-1.0, -4.0]]
    runs = []
    for place, (yes, no) in enumerate(scores):
        line = record(0, "Is it?", "")
        line["arguments"] = {f"gen_args_{idx}": {"arg_0": "Is it?", "arg_1": word} for idx, word in enumerate("yn")}
        line["resps"] = [[[yes, False]], [[no, True]]]
        runs.append(run_of(tmp_path / str(place), [line]))
    samples = task_samples(runs)
    assert samples.index["answers"] == [[0, 0, 1]]
    (part,) = map(json.loads, samples.parts)
    assert [run["likeliest"] for run in part["samples"][0]["runs"]] == [1, 1, 0]
    assert texts_of(part, part["samples"][0]["runs"][0]["answers"]) == ["[-3.0, false]", "[-1.0, true]"]


def test_equal_texts_of_two_runs_are_kept_once(tmp_path: Path) -> None:
    a = run_of(tmp_path / "a", [record(0, "one?", "1")])
    b = run_of(tmp_path / "b", [record(0, "one?", "2")])
    (part,) = map(json.loads, task_samples([a, b]).parts)
    sample = part["samples"][0]
    assert sample["runs"][0]["requests"] == sample["runs"][1]["requests"]
    assert texts_of(part, sample["runs"][1]["answers"]) == ["2"]
    assert len(part["texts"]) == len({tuple(text) for text in part["texts"]})


def test_samples_beyond_the_room_are_counted_not_forgotten(tmp_path: Path) -> None:
    run = run_of(tmp_path / "a", [record(idx, f"{idx}? " + "x" * 5_000, "1") for idx in range(300)])
    samples = task_samples([run], room_bytes=600_000)
    assert 0 < len(samples.index["ids"]) < 300
    assert samples.num_all == 300
    assert samples.num_bytes == sum(len(part.encode()) for part in samples.parts)
    assert len(samples.index["parts"]) == len(samples.index["ids"])


def test_a_task_shows_a_bounded_number_of_samples(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(sample_data, "MAX_SAMPLES", 3)
    samples = task_samples([run_of(tmp_path / "a", [record(idx, f"{idx}?", "1") for idx in range(5)])])
    assert (samples.index["ids"], samples.num_all) == ([0, 1, 2], 5)


def test_no_room_at_all_shows_no_samples(tmp_path: Path) -> None:
    samples = task_samples([run_of(tmp_path / "a", [record(0, "one?", "1")])], room_bytes=0)
    assert (samples.index["ids"], samples.parts, samples.num_all) == ([], [], 1)


def test_requests_beyond_the_limit_are_counted(tmp_path: Path) -> None:
    line = record(0, "one?", "1")
    line["resps"] = [str(idx) for idx in range(MAX_REQUESTS + 6)]
    (part,) = map(json.loads, task_samples([run_of(tmp_path / "a", [line])]).parts)
    shown = part["samples"][0]["runs"][0]
    assert (len(shown["answers"]), shown["left"]) == (MAX_REQUESTS, 6)


def test_notes_beyond_the_limit_are_shown_as_one(tmp_path: Path) -> None:
    line = record(0, "one?", "1")
    line["notes"] = {f"note {idx}": idx for idx in range(MAX_FIELDS + 6)}
    (part,) = map(json.loads, task_samples([run_of(tmp_path / "a", [line])]).parts)
    notes = part["samples"][0]["runs"][0]["notes"]
    assert len(notes) == MAX_FIELDS
    assert f'"note {MAX_FIELDS + 5}": {MAX_FIELDS + 5}' in texts_of(part, [notes[-1][1]])[0]


def test_data_cannot_end_its_script_and_keeps_its_meaning() -> None:
    value = {"</script><!--": ["<script>", "\u2028\ud800中\x00"]}
    text = script_json(value)
    assert "<" not in text
    assert json.loads(text.encode()) == value
