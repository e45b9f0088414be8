"""`Task`: what can be evaluated. A task opens a session on a model; the runner asks its samples and keeps the outcomes.

Everything in a `Sample` and an `Answered` is JSON and depends on task, model and seed alone, never on time, order or on
what else is being asked: a run that was killed and goes on ends with the same bytes as one that was not.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from appkit import LanguageModel
from eval.metrics import Figure

# As lm-eval names them; "retrieval" asks an index and no model.
OutputType = Literal["generate_until", "loglikelihood", "loglikelihood_rolling", "multiple_choice", "retrieval"]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One thing to ask: a question, a window of a text, a query."""

    doc_id: int  # its place in the whole set, from 0, whatever the limit
    doc: Mapping[str, Any]  # the row of the data, as it is shown to people
    target: Any  # what is right; None where nothing can be
    cluster: str | None = None  # what samples share that are not independent, such as the page a question is about


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What came of one sample."""

    arguments: Sequence[Sequence[Any]]  # the requests: (context, continuation), (context, settings), (text,)
    resps: Sequence[Any]  # what each request gave
    filtered_resps: Sequence[Any]  # what was judged
    values: Mapping[str, float]  # by measure: the value of this sample, or what it adds to a sum over all
    token_logprobs: Sequence[tuple[str, float | None]] = ()  # of what was scored or written, in order, where known
    notes: Mapping[str, Any] = field(default_factory=dict)  # more that a reader wants beside it: quotes, verdicts


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A figure of a task, under its name in `Session.figures`."""

    name: str  # "acc", "rougeL"
    higher_is_better: bool = True
    is_mean: bool = True  # of `values[name]` over samples, so that two runs are compared sample by sample
    signature: str = ""  # what must be equal for two figures to compare, as sacrebleu prints it


class Session(Protocol):
    """A task under way on one model."""

    @property
    def samples(self) -> Sequence[Sample]:
        """Those within the limit, in order."""
        ...

    @property
    def max_in_flight(self) -> int:
        """How many samples it pays to ask at once; `ask` is called from that many threads."""
        ...

    def ask(self, sample: Sample) -> Answered:
        """Ask one sample. Raises what the model raises; the run stops then, and keeps what is done."""
        ...

    def figures(self, samples: Sequence[Sample], answers: Sequence[Answered]) -> Mapping[str, Figure]:
        """The figures of a run by measure, the important one first. `answers` may come from a file."""
        ...


class Task(Protocol):
    """Something that can be evaluated, with all that changes its figures settled."""

    @property
    def name(self) -> str:
        """As `appkit eval run` takes it."""
        ...

    @property
    def about(self) -> str:
        """One line, for `appkit eval list`."""
        ...

    @property
    def version(self) -> str:
        """Raised whenever the same model might get another figure."""
        ...

    @property
    def output_type(self) -> OutputType: ...

    @property
    def needs_model(self) -> bool:
        """False for a task that measures no language model, such as retrieval; it is opened with None."""
        ...

    @property
    def num_fewshot(self) -> int: ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """All that was chosen, as JSON. Runs compare, and go on, where it is equal."""
        ...

    @property
    def measures(self) -> Sequence[Measure]:
        """The important one first."""
        ...

    def open(self, model: LanguageModel | None, limit: int | None) -> AbstractContextManager[Session]:
        """Read the data and prepare to ask.

        Args:
            limit: the first samples only; of each part, where a task has several parts (it says so in `about`).

        Raises:
            appkit.errors.EvaluationDataError: the data is not there, or is not what it should be.
            CapabilityError: the model cannot do what the task needs.
        """
        ...
