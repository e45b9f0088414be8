"""What a training run is told."""

import math
from dataclasses import dataclass
from typing import Literal

Schedule = Literal["constant", "linear", "cosine"]


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Everything that decides how the adapter changes. Raises ValueError for values out of range."""

    learning_rate: float | None = None  # the peak; None: what the adapter's method says
    schedule: Schedule = "cosine"  # to zero; "constant" stays at the peak
    warmup_share: float = 0.05  # of all steps, from zero to the peak
    num_epochs: int = 1
    max_steps: int | None = None  # an earlier end, whatever the epochs
    batch_size: int = 1  # packed rows run together
    accumulation: int = 1  # batches to a step
    max_grad_norm: float = 1.0
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    adam_eps: float = 1e-8
    seed: int = 0  # of the order of the rows and of dropout
    checkpoint_activations: bool = False  # less memory, about a third more time
    eval_every: int | None = None  # steps; None: at the end only
    save_every: int | None = None  # steps; None: at the end only
    spike_factor: float = 3.0  # a loss so many times the median of the last ones counts as diverging

    def __post_init__(self) -> None:
        if self.schedule not in ("constant", "linear", "cosine"):
            raise ValueError(f"schedule is {self.schedule!r}; there are 'constant', 'linear' and 'cosine'.")
        if self.learning_rate is not None and not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate is {self.learning_rate}; it must be a positive number.")
        if not 0 <= self.warmup_share <= 1:
            raise ValueError(f"warmup_share is {self.warmup_share}; it is a share of the steps, from 0 to 1.")
        for name in ("num_epochs", "max_steps", "batch_size", "accumulation", "eval_every", "save_every"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value}; it must be 1 or more.")
        for name, lowest in (("max_grad_norm", 0), ("adam_eps", 0), ("spike_factor", 1)):
            if not lowest < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be above {lowest}.")
        if not 0 <= self.weight_decay < 1:
            raise ValueError(f"weight_decay is {self.weight_decay}; it must be from 0 to below 1.")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas are {self.betas}; they are two numbers from 0 to below 1.")


def learning_rate_at(step: int, num_steps: int, peak: float, settings: TrainingSettings) -> float:
    """Of step 0 … num_steps − 1: up in a line over the warm-up, then as the schedule says."""
    warmup_steps = round(settings.warmup_share * num_steps)
    if step < warmup_steps:
        return peak * (step + 1) / (warmup_steps + 1)
    if settings.schedule == "constant":
        return peak
    done = (step - warmup_steps) / max(1, num_steps - warmup_steps)
    return peak * (1 - done if settings.schedule == "linear" else (1 + math.cos(math.pi * done)) / 2)
