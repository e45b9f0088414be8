"""`TuneResult`: what a run came to, and its form in a file."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from appkit import strict_json
from appkit.errors import TuningError
from appkit.tuning.kinds import as_kind


@dataclass(frozen=True, kw_only=True)
class TuneResult(os.PathLike[str]):
    """A run, finished or stopped. It stands for its folder wherever an adapter is asked for."""

    folder: Path  # of the adapter
    model: str  # a catalog name, or the file
    method: str
    is_finished: bool
    num_steps: int  # done
    kept_step: int  # the adapter is of this one
    losses: tuple[float, ...]  # a step: nats a learnt token, or the loss of a pair
    eval_losses: tuple[tuple[int, float], ...]  # (steps done, loss on the validation set)
    eval_before: float | None  # that of the base model
    num_parameters: int
    learning_rate: float  # the peak
    num_tokens: int  # read in training
    seconds: float  # of training and evaluating, interruptions left out
    num_returns: int  # to the last good step, after a loss that ran away

    @property
    def eval_after(self) -> float | None:
        """The loss on the validation set of the adapter that was kept."""
        return dict(self.eval_losses).get(self.kept_step)

    def __fspath__(self) -> str:
        return os.fspath(self.folder)


def result_bytes(result: TuneResult) -> bytes:
    """As JSON, without the folder, which may be moved."""
    fields = {name: getattr(result, name) for name in _HINTS}
    return json.dumps(fields, ensure_ascii=False, indent=1, allow_nan=False).encode() + b"\n"


def parse_result(data: bytes, folder: Path) -> TuneResult:
    """What `result_bytes` wrote. Raises TuningError for anything else."""
    try:
        found: Any = strict_json.loads(data)
        fields = {name: as_kind(found[name], hint) for name, hint in _HINTS.items()}
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise TuningError(f"{folder} has a damaged result: begin anew with --fresh (fresh=True).") from error
    return TuneResult(folder=folder, **fields)


_HINTS = {name: hint for name, hint in get_type_hints(TuneResult).items() if name != "folder"}
