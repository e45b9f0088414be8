"""What is shown while a run trains, and what stops it."""

import os
import signal
from typing import TYPE_CHECKING

import pytest

from appkit.cli.tune_progress import Interrupts, duration, show_steps

if TYPE_CHECKING:
    from runtime import TrainingProgress


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


def progress(step: int, **more: object) -> "TrainingProgress":
    pytest.importorskip("torch", reason="what a step tells comes from the trainer, which needs torch")
    from runtime import TrainingProgress

    fields = {
        "step": step,
        "num_steps": 100,
        "loss": 1.5,
        "eval_loss": None,
        "learning_rate": 1e-3,
        "grad_norm": 1.0,
        "num_tokens": 1000,
        "tokens_per_s": 1234.5,
        "seconds_left": 61.0,
    }
    return TrainingProgress(**{**fields, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.4, "0:00"), (59.6, "1:00"), (61, "1:01"), (3600, "1:00:00"), (90061, "25:01:01")]
)
def test_a_duration_is_minutes_and_seconds(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_where_there_is_no_terminal_a_line_is_written_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    with show_steps(100, 0) as show:
        for step in range(1, 101):
            show(progress(step, eval_loss=2.5 if step == 33 else None, has_returned=step == 44))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 12  # each tenth, the evaluation, the step that was taken back
    assert lines[0] == "10/100  loss 1.500  1,234 tok/s  1:01 left"
    assert lines[3] == "33/100  loss 1.500  validation 2.500  1,234 tok/s  1:01 left"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_first_signal_is_a_wish_and_a_second_stops_at_once(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(number)
    interrupts = Interrupts()
    interrupts.listen()
    try:
        assert not interrupts.is_wished
        os.kill(os.getpid(), number)
        assert interrupts.is_wished
        assert capsys.readouterr().err == "Stopping after this step; Ctrl-C again stops at once.\n"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    finally:
        interrupts.close()
    assert signal.getsignal(number) is before
