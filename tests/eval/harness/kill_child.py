"""A process that runs an evaluation and kills itself (SIGKILL) at the given line of the runner, for `test_resume`.

    python -m tests.eval.harness.kill_child FOLDER LOG IN_FLIGHT KILL_AT

Lines are counted as the main thread executes them within `eval/harness` and `runtime/files.py`; KILL_AT 0 never kills
and prints how many there were.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from appkit import ScriptedModel
from eval.harness.run import evaluate
from tests.helpers.small_task import SmallTask

NUM_SAMPLES = 12


def answer(question: object) -> str:
    """Right for two of three, and with characters that UTF-8 takes several bytes for."""
    first = int(str(question).split()[0])
    return f"{first + (first % 3 != 0)} 答🙂"


class LineCounter:
    """A trace function that ends the process at a line."""

    def __init__(self, kill_at: int) -> None:
        self.num_lines = 0
        self._kill_at = kill_at

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        name = frame.f_code.co_filename
        if "eval/harness" not in name and not name.endswith("runtime/files.py"):
            return None
        if event == "line":
            self.num_lines += 1
            if self.num_lines == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
        return self


def main() -> None:
    folder, log, in_flight, kill_at = sys.argv[1:]
    task = SmallTask(num_samples=NUM_SAMPLES, in_flight=int(in_flight), asked_log=Path(log))
    counter = LineCounter(int(kill_at))
    sys.settrace(counter)
    evaluate(task, ScriptedModel(answer), output=folder)
    sys.settrace(None)
    sys.stdout.write(f"{counter.num_lines}\n")


if __name__ == "__main__":
    main()
