"""`load_yaml_task`: a task's file as a `Task` that can be run."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from appkit import LanguageModel, LocalModel, RemoteModel
from appkit.errors import CapabilityError
from eval.harness.task import Answered, Measure, OutputType, Sample, Session
from eval.metrics import Figure
from eval.yaml_tasks.asking import ask, value_name
from eval.yaml_tasks.config import TaskConfig, read_config
from eval.yaml_tasks.locate import digest, locate
from eval.yaml_tasks.questions import Question, read_questions, read_references

IN_FLIGHT = 4  # answers under way at once, which an engine decodes together
_NO_FIGURE = ("task", "task_alias", "tag")  # fields that change none


def load_yaml_task(path: str | Path, settings: Mapping[str, Any] = MappingProxyType({})) -> "YamlTask":
    """The task that a file describes.

    Args:
        settings: `num_fewshot` and `seed`, in place of the file's own; a number, or its digits.

    Warns:
        EvaluationNotice: the file holds what was hardly meant.

    Raises:
        EvaluationError: the file is no task; the message names line, field and the way out.
        ValueError: a setting that there is not, or a value it cannot have.
    """
    return YamlTask(read_config(Path(path), settings))


class YamlTask:
    """A task from a file. Nothing of it changes; its data is read when it is opened, and for `settings`."""

    needs_model = True

    def __init__(self, config: TaskConfig) -> None:
        self._config = config

    @property
    def name(self) -> str:
        """As the file says, or the name of the file."""
        return self._config.name

    @property
    def about(self) -> str:
        """`metadata.about`, or what can be said without."""
        files = ", ".join(self._config.data_files[self._config.split])
        return self._config.about or f"{self._config.output_type} over {files}"

    @property
    def version(self) -> str:
        """`metadata.version`."""
        return self._config.version

    @property
    def output_type(self) -> OutputType:
        return self._config.output_type

    @property
    def num_fewshot(self) -> int:
        return self._config.few_shot.num

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        """The fields of the file, what was set in their place, and the SHA-256 of the data.

        Raises:
            EvaluationDataError: the data is not there.
        """
        fields = {key: value for key, value in self._config.fields.items() if key not in _NO_FIGURE}
        files = [path for paths in self._files.values() for path in paths]
        return {
            **fields,
            "num_fewshot": self.num_fewshot,
            "seed": self._config.seed,
            "data_sha256": digest(files),
        }

    @cached_property
    def measures(self) -> Sequence[Measure]:
        """A metric after each pipeline of filters. Signatures of BLEU and the like say what the data is, so it is read.

        Raises:
            EvaluationDataError: the data is not there, or a row is not what it should be.
        """
        needs_data = any(metric.needs_references for metric in self._config.metrics)
        wanted = read_references(self._config, self._files) if needs_data else []
        return [
            metric.measure(value_name(self._config, metric.name, pipeline.name), wanted)
            for pipeline in self._config.pipelines
            for metric in self._config.metrics
        ]

    @contextmanager
    def open(self, model: LanguageModel | None, limit: int | None) -> Iterator[Session]:
        """Read the data, check every row that will be asked, and give a session.

        Raises:
            EvaluationDataError: the data is not there, or a row is not what it should be.
            EvaluationError: a template cannot be read.
            CapabilityError: the model cannot do what the task needs.
            ModuleNotFoundError: a metric needs the extra `eval`.
            ValueError: no model, or a limit below 1.
        """
        if model is None:
            raise ValueError(f"{self.name} measures a model; open it with one.")
        if limit is not None and limit < 1:
            raise ValueError(f"limit is {limit}; ask 1 sample at least.")
        _check_model(self._config, model)
        for metric in self._config.metrics:
            metric.measure(metric.name, [("text",)])  # loads its packages: missing ones are told before any work
        samples, questions = read_questions(self._config, self._files, limit)
        yield YamlSession(config=self._config, model=model, samples=samples, questions=questions)

    @cached_property
    def _files(self) -> Mapping[str, list[Path]]:
        """Where the files of the splits that are used are."""
        few = self._config.few_shot
        splits = [self._config.split] + ([few.split] if few.num and few.split is not None else [])
        return {split: [locate(name, self._config.path) for name in self._config.data_files[split]] for split in splits}


@dataclass(frozen=True, kw_only=True)
class YamlSession:
    """A task from a file, under way."""

    config: TaskConfig
    model: LanguageModel
    samples: Sequence[Sample]
    questions: Sequence[Question]

    @property
    def max_in_flight(self) -> int:
        """A scripted model answers in order, one at a time."""
        return IN_FLIGHT if isinstance(self.model, LocalModel | RemoteModel) else 1

    def ask(self, sample: Sample) -> Answered:
        """Ask one sample. Raises what the model raises, and EvaluationError for a filter that ran out of time."""
        return ask(self.config, self.model, sample.doc_id, self.questions[sample.doc_id])

    def figures(self, samples: Sequence[Sample], answers: Sequence[Answered]) -> Mapping[str, Figure]:
        """By measure; one that no number can hold is left out, with a warning."""
        found: dict[str, Figure] = {}
        for num, pipeline in enumerate(self.config.pipelines):
            for metric in self.config.metrics:
                name = value_name(self.config, metric.name, pipeline.name)
                figure = metric.figure(name, samples, answers, num)
                if figure is not None:
                    found[name] = figure
        return found


def _check_model(config: TaskConfig, model: LanguageModel) -> None:
    needed = "complete"
    if config.output_type != "generate_until":
        needed = "score"
    elif config.is_chat:
        needed = "chat"
    if needed not in model.capabilities:
        raise CapabilityError(
            f"{config.name} needs a model that can {needed}, and {model.name} cannot"
            f"{'; leave apply_chat_template out for a base model' if needed == 'chat' else ''}.",
            model.name,
            needed,
        )
