"""Lines of steps: kept in order, written anew behind a checkpoint, and whole up to where a process was killed."""

import json

import pytest

from appkit.tuning.step_log import LoggedStep, StepLog


def test_what_was_added_is_read_again(tmp_path):
    log = StepLog(tmp_path / "log.jsonl")
    steps = [LoggedStep(step=0, eval_loss=2.5), LoggedStep(step=1, loss=2.0, num_tokens=7), LoggedStep(step=2)]
    for step in steps:
        log.add(step)
    assert StepLog(tmp_path / "log.jsonl").steps == log.steps == tuple(steps)


def test_a_step_that_is_done_again_takes_the_place_of_it_and_of_later_ones(tmp_path):
    log = StepLog(tmp_path / "log.jsonl")
    for number in range(5):
        log.add(LoggedStep(step=number, loss=1.0))
    log.add(LoggedStep(step=3, loss=9.0))
    assert [(step.step, step.loss) for step in StepLog(tmp_path / "log.jsonl").steps][2:] == [(2, 1.0), (3, 9.0)]


@pytest.mark.parametrize(
    "tail",
    [
        b'{"step": 2, "loss"',
        b'{"step": 2}\n',
        b"\xff\n",
        b"[" * 100_000 + b"\n",
        json.dumps(dict.fromkeys(LoggedStep.__dataclass_fields__, True)).encode() + b"\n",
    ],
)
def test_nothing_counts_behind_a_line_that_is_not_whole(tmp_path, tail):
    path = tmp_path / "log.jsonl"
    log = StepLog(path)
    log.add(LoggedStep(step=1, loss=1.0))
    path.write_bytes(path.read_bytes() + tail)
    torn = StepLog(path)
    assert torn.steps == log.steps
    torn.add(LoggedStep(step=2, loss=2.0))
    assert [step.step for step in StepLog(path).steps] == [1, 2]


def test_a_last_line_without_its_end_is_not_whole(tmp_path):
    path = tmp_path / "log.jsonl"
    log = StepLog(path)
    log.add(LoggedStep(step=1))
    log.add(LoggedStep(step=2))
    path.write_bytes(path.read_bytes()[:-1])
    torn = StepLog(path)
    assert [step.step for step in torn.steps] == [1]
    torn.add(LoggedStep(step=2))
    assert [step.step for step in StepLog(path).steps] == [1, 2]
