"""The steps of a run, a line each, appended as they are done.

A run that goes on from its last checkpoint does the steps behind it again, with the same bits; their lines are written
anew.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_type_hints

from appkit import strict_json
from appkit.tuning.kinds import as_kind
from runtime.files import write_atomic

MAX_BYTES = 1 << 30


@dataclass(frozen=True, kw_only=True)
class LoggedStep:
    """One step; number 0 is the evaluation of the base model. A loss that was no number is None."""

    step: int  # steps done
    loss: float | None = None
    eval_loss: float | None = None
    learning_rate: float = 0.0
    grad_norm: float | None = None
    num_tokens: int = 0
    seconds: float = 0.0
    has_returned: bool = False  # the step diverged and was taken back


class StepLog:
    """The lines of a file. Owned by the process that holds the folder's lock."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._steps = _read(path)
        self._is_torn = path.exists() and path.stat().st_size != sum(map(len, map(_line, self._steps)))

    @property
    def steps(self) -> tuple[LoggedStep, ...]:
        """In order."""
        return tuple(self._steps)

    def forget_from(self, number: int) -> None:
        """Take out the lines of step `number` and later ones."""
        if not self._is_torn and (not self._steps or self._steps[-1].step < number):
            return
        kept = [step for step in self._steps if step.step < number]
        with write_atomic(self._path) as file:
            file.writelines(map(_line, kept))
        self._steps, self._is_torn = kept, False

    def add(self, step: LoggedStep) -> None:
        """Write a line, in place of those of this step and later ones."""
        self.forget_from(step.step)
        with self._path.open("ab") as file:
            file.write(_line(step))
        self._steps.append(step)


def _line(step: LoggedStep) -> bytes:
    return json.dumps(asdict(step)).encode() + b"\n"


def _read(path: Path) -> list[LoggedStep]:
    """The whole lines at the beginning: a killed process may leave half a line, and nothing behind it counts."""
    if not path.exists():
        return []
    steps: list[LoggedStep] = []
    with path.open("rb") as file:
        for line in file.read(MAX_BYTES).splitlines(keepends=True):
            try:
                found: Any = strict_json.loads(line)
                step = LoggedStep(**{name: as_kind(found[name], hint) for name, hint in _HINTS.items()})
            except (KeyError, TypeError, ValueError, RecursionError):
                break
            if not line.endswith(b"\n") or (steps and step.step <= steps[-1].step):
                break
            steps.append(step)
    return steps


_HINTS = get_type_hints(LoggedStep)
