"""A run's state in one file, from which it goes on bit for bit: weights, moments and, in the header, the numbers.

One safetensors file written atomically: a run killed at any moment leaves the last whole one. Nothing in it is code.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from runtime.errors import CorruptFileError
from runtime.loaders.safetensors import read_safetensors
from runtime.loaders.safetensors_writer import write_safetensors

CHECKPOINT_NAME = "checkpoint.safetensors"
_FORMAT = "appkit-training-1"


@dataclass(frozen=True, kw_only=True)
class RunState:
    """Where a run stands, apart from its tensors."""

    step: int  # steps done
    fingerprint: str  # of settings, data and model: a run goes on only as what it was
    losses: tuple[float, ...]  # a step
    learning_rate_factor: float = 1.0  # halved at every return to the last good step
    num_returns: int = 0


Tensors = Mapping[str, torch.Tensor]


def write_checkpoint(path: Path, state: RunState, tensors: Tensors) -> None:
    """Replace `path`. Raises OSError where the disk is full or the folder missing; `path` is then as it was."""
    notes = {
        "format": _FORMAT,
        "step": str(state.step),
        "fingerprint": state.fingerprint,
        "losses": json.dumps(state.losses),
        "learning_rate_factor": repr(state.learning_rate_factor),
        "num_returns": str(state.num_returns),
    }
    write_safetensors(path, {name: tensor.detach().numpy() for name, tensor in tensors.items()}, notes)


def read_checkpoint(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> tuple[RunState, dict[str, torch.Tensor]]:
    """What `write_checkpoint` wrote.

    Args:
        shapes: of every tensor that must be there.

    Raises:
        CorruptFileError: the file is damaged, or not of this kind.
        OSError: it cannot be read.
    """
    with read_safetensors(path) as file:
        if file.metadata.get("format") != _FORMAT:
            raise CorruptFileError(f"{path} is no checkpoint of a training run; remove it to begin anew.", path)
        found = {name: tuple(tensor.shape) for name, tensor in file.tensors.items()}
        if found != dict(shapes):
            raise CorruptFileError(
                f"{path} holds the state of another adapter: its tensors differ in name or shape. "
                "Remove it to begin anew.",
                path,
            )
        tensors = {name: torch.from_numpy(np.array(file[name], np.float32)) for name in shapes}
        return _state(file.metadata, path), tensors


def _state(notes: Mapping[str, str], path: Path) -> RunState:
    try:
        losses: Any = json.loads(notes["losses"])
        state = RunState(
            step=int(notes["step"]),
            fingerprint=notes["fingerprint"],
            losses=tuple(float(loss) for loss in losses),
            learning_rate_factor=float(notes["learning_rate_factor"]),
            num_returns=int(notes["num_returns"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptFileError(f"{path} is damaged: {error}. Remove it to begin anew.", path) from error
    if state.step < 0 or len(state.losses) != state.step or not 0 < state.learning_rate_factor <= 1:
        raise CorruptFileError(f"{path} contradicts itself at step {state.step}. Remove it to begin anew.", path)
    if not all(math.isfinite(loss) for loss in state.losses):
        raise CorruptFileError(f"{path} holds losses that are no numbers. Remove it to begin anew.", path)
    return state
