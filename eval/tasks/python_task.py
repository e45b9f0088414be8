"""`PythonTask` and `AskedSession`: the `Task` and the `Session` of tasks that are written in Python.

A task module has `ABOUT` (one line), `SETTINGS` (option → what it means) and `make_task(settings)`, which checks what
was chosen and says how a session is opened.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from appkit import LanguageModel, LocalModel
from eval.harness.task import Answered, Measure, OutputType, Sample, Session
from eval.metrics import Figure

LOCAL_IN_FLIGHT = 4  # prompts that a local model decodes as one batch; more wait for keys and values on small machines


@dataclass(frozen=True, kw_only=True)
class PythonTask:
    """A `Task` whose sessions `open_session(model, limit)` opens."""

    name: str
    about: str
    version: str
    output_type: OutputType
    measures: Sequence[Measure]
    settings: Mapping[str, Any]
    open_session: Callable[[LanguageModel | None, int | None], AbstractContextManager[Session]] = field(repr=False)
    needs_model: bool = True
    num_fewshot: int = 0

    def open(self, model: LanguageModel | None, limit: int | None) -> AbstractContextManager[Session]:
        """See `Task.open`."""
        assert model is not None or not self.needs_model, f"{self.name} was opened without a model"
        if limit is not None and limit < 1:
            raise ValueError(f"limit is {limit}; ask 1 sample at least.")
        return self.open_session(model, limit)


@dataclass(frozen=True, kw_only=True)
class AskedSession:
    """A `Session` whose samples are known and asked by a function."""

    samples: Sequence[Sample]
    ask: Callable[[Sample], Answered]
    figures: Callable[[Sequence[Sample], Sequence[Answered]], Mapping[str, Figure]]
    max_in_flight: int = 1


def in_flight(model: LanguageModel | None) -> int:
    """How many samples to ask at once: a local model batches them, others are asked one by one."""
    return LOCAL_IN_FLIGHT if isinstance(model, LocalModel) else 1
