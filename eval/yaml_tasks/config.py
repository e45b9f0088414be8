"""A task's file, checked field by field: what it says, and lm-evaluation-harness's defaults for what it leaves out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from eval.harness.task import OutputType
from eval.yaml_tasks.data_config import read_data_files, read_eval_split, read_kind
from eval.yaml_tasks.documents import DocFields
from eval.yaml_tasks.escapes import warn_of_escapes
from eval.yaml_tasks.fewshot import DEFAULT_SEED, PromptStyle
from eval.yaml_tasks.fewshot_config import MAX_FEWSHOT, FewShot, read_doc_fields, read_few_shot, read_style
from eval.yaml_tasks.fields import Fields
from eval.yaml_tasks.filters import FIRST, Pipeline, read_pipelines
from eval.yaml_tasks.generation import Generation, read_generation
from eval.yaml_tasks.includes import read_with_includes
from eval.yaml_tasks.metrics import Metric, read_metrics
from eval.yaml_tasks.rows import FileKind

OUTPUT_TYPES: tuple[OutputType, ...] = ("generate_until", "loglikelihood", "loglikelihood_rolling", "multiple_choice")
MAX_REPEATS = 1_000
SETTINGS: Mapping[str, str] = MappingProxyType(
    {"num_fewshot": "worked examples in front of every question", "seed": "draws the examples, and samples the answers"}
)
TASK_FIELDS = frozenset(
    (
        "task", "task_alias", "tag", "dataset_path", "dataset_name", "dataset_kwargs", "training_split",
        "validation_split", "test_split", "fewshot_split", "doc_to_text", "doc_to_target", "doc_to_choice",
        "output_type", "target_delimiter", "fewshot_delimiter", "num_fewshot", "fewshot_config", "description",
        "generation_kwargs", "repeats", "filter_list", "metric_list", "metadata", "apply_chat_template",
        "should_decontaminate", "doc_to_decontamination_query",  # these two change no figure
    )
)  # fmt: skip
_NOT_READ: Mapping[str, str] = MappingProxyType(
    {
        "process_docs": "would run code; change the rows once, and save them to the file",
        "process_results": "would run code; use filter_list and metric_list, or write the task in Python",
        "custom_dataset": "would run code; save the rows to a file",
        "unsafe_code": "would run code that a model wrote; write the task in Python",
        "group": "is not read; name several tasks at the command line",
        "use_prompt": "is not read; write the template as doc_to_text",
        "gen_prefix": "is not read; write the start of the answer at the end of doc_to_text",
        "doc_to_image": "is not read; tasks are text",
        "doc_to_audio": "is not read; tasks are text",
    }
)


@dataclass(frozen=True, kw_only=True)
class TaskConfig:
    """All that a task's file and the caller's settings say."""

    path: Path
    name: str
    about: str
    version: str
    output_type: OutputType
    kind: FileKind
    data_files: Mapping[str, tuple[str, ...]]  # by split
    split: str  # that is evaluated
    docs: DocFields
    few_shot: FewShot
    description: str
    target_delimiter: str
    generation: Generation
    repeats: int
    seed: int
    pipelines: tuple[Pipeline, ...]
    metrics: tuple[Metric, ...]
    cluster_by: str | None
    is_chat: bool
    fields: Mapping[str, Any]  # of the file, as JSON


def read_config(path: Path, settings: Mapping[str, Any]) -> TaskConfig:
    """What the file and the settings say together.

    Warns:
        EvaluationNotice: a text holds a backslash and an n where a line break was meant.

    Raises:
        EvaluationError: the file is no task; the message names line and field.
        ValueError: a setting that no task takes, or a value it cannot have.
    """
    owner = read_with_includes(path)
    for key, problem in _NOT_READ.items():
        if owner.pop(key, None) not in (None, False):
            raise owner.error(key, f"{problem}.")
    owner.check_keys(TASK_FIELDS)
    chosen = _settings(settings)
    output_type = owner.choice("output_type", OUTPUT_TYPES, "generate_until")
    style = read_style(owner, PromptStyle(target_delimiter=" ", fewshot_delimiter="\n\n"))
    generation, seed = read_generation(owner, style.fewshot_delimiter)
    repeats = owner.whole("repeats", least=1, most=MAX_REPEATS) or 1
    metadata = owner.mapping("metadata")
    metadata.check_like(("version", "about", "cluster_by"))
    data_files = read_data_files(owner)
    docs = read_doc_fields(owner)
    config = TaskConfig(
        path=path,
        name=_name(owner),
        about=metadata.text("about", ""),
        version=str(metadata.get("version", 0)),
        output_type=output_type,
        kind=read_kind(owner),
        data_files=data_files,
        split=read_eval_split(owner, data_files),
        docs=docs,
        few_shot=read_few_shot(owner, docs, style, data_files, chosen.get("num_fewshot")),
        description=owner.text("description", ""),
        target_delimiter=style.target_delimiter,
        generation=generation,
        repeats=repeats,
        seed=chosen.get("seed", DEFAULT_SEED if seed is None else seed),
        pipelines=_pipelines(owner, repeats),
        metrics=read_metrics(owner, output_type),
        cluster_by=metadata.text("cluster_by", "") or None,
        is_chat=owner.flag("apply_chat_template"),
        fields=_plain(owner),
    )
    _check_together(owner, config)
    warn_of_escapes(owner)
    return config


def _settings(settings: Mapping[str, Any]) -> dict[str, int]:
    """The caller's settings; a number may come as its digits, from a command line."""
    chosen = {}
    for key, value in settings.items():
        if key not in SETTINGS:
            known = ", ".join(f"{name} ({meaning})" for name, meaning in SETTINGS.items())
            raise ValueError(f"A task in YAML has no setting {key!r}; it takes {known}.")
        most = MAX_FEWSHOT if key == "num_fewshot" else (1 << 63) - 1
        number = int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,19}", value) else value
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= most:
            raise ValueError(f"{key} is {value!r}; give a whole number from 0 to {most:,}.")
        chosen[key] = number
    return chosen


def _check_together(owner: Fields, config: TaskConfig) -> None:
    """What each field allows and the output type does not."""
    is_choice = config.output_type == "multiple_choice"
    if config.docs.target is None:
        raise owner.error("doc_to_target", "is missing: the column or template that gives what is right.")
    if is_choice and config.docs.choices is None:
        raise owner.error("doc_to_choice", "is missing: multiple_choice needs the texts to choose from.")
    if config.docs.text is None and config.output_type != "loglikelihood_rolling":
        raise owner.error("doc_to_text", "is missing: the column or template that gives what the model is shown.")
    if config.output_type == "loglikelihood_rolling" and config.few_shot.num:
        raise owner.error("num_fewshot", "must be 0: loglikelihood_rolling reads whole documents, alone.")
    if config.output_type == "loglikelihood_rolling" and config.is_chat:
        raise owner.error("apply_chat_template", "must be false: loglikelihood_rolling reads whole documents.")
    if config.output_type != "generate_until":
        for key in ("filter_list", "generation_kwargs"):
            if owner.get(key) is not None:
                raise owner.error(key, f"is for generate_until; {config.output_type} writes no answers.")
        if config.repeats > 1:
            raise owner.error("repeats", f"is for generate_until; {config.output_type} gives the same every time.")


def _name(owner: Fields) -> str:
    name = owner.text("task", owner.path.stem)
    if not re.fullmatch(r"\w[\w.-]{0,99}", name):
        raise owner.error("task", f"is {name!r}; a name is letters, digits, '-', '_' and '.', 100 at most.")
    return name


def _pipelines(owner: Fields, repeats: int) -> tuple[Pipeline, ...]:
    if owner.get("filter_list") is None:
        return (FIRST,)
    return read_pipelines(owner, owner["filter_list"], repeats)


def _plain(value: Any) -> Any:
    """Built of the types of JSON alone."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
