"""A task's file, checked field by field: what it says, and lm-evaluation-harness's defaults for what it leaves out."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

from eval.harness.notices import notice
from eval.harness.task import OutputType
from eval.yaml_tasks.documents import DocFields
from eval.yaml_tasks.fewshot import DEFAULT_SEED, PromptStyle, Sampler
from eval.yaml_tasks.filters import FIRST, Pipeline, read_pipelines
from eval.yaml_tasks.generation import Generation, read_generation, read_whole
from eval.yaml_tasks.metrics import Metric, read_metrics
from eval.yaml_tasks.rows import FileKind
from eval.yaml_tasks.strict_yaml import Fields, read_task_file

OUTPUT_TYPES: tuple[OutputType, ...] = ("generate_until", "loglikelihood", "loglikelihood_rolling", "multiple_choice")
MAX_FEWSHOT = 1_000
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
        "include": "is not read; write the fields of both files into this one",
        "group": "is not read; name several tasks at the command line",
        "use_prompt": "is not read; write the template as doc_to_text",
        "gen_prefix": "is not read; write the start of the answer at the end of doc_to_text",
        "doc_to_image": "is not read; tasks are text",
        "doc_to_audio": "is not read; tasks are text",
    }
)
_FEWSHOT_KEYS = ("sampler", "split", "samples", "doc_to_text", "doc_to_target", "doc_to_choice",
                 "target_delimiter", "fewshot_delimiter")  # fmt: skip
_BLOCK = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_ESCAPES = ("\\n", "\\t", "\\r")
_PLAIN_SPLIT = "train"  # of files that are not given by split, as the `datasets` package calls it


@dataclass(frozen=True, kw_only=True)
class FewShot:
    """Where worked examples come from, and how they read."""

    num: int
    sampler: Sampler
    split: str | None
    samples: tuple[Mapping[str, Any], ...]  # written out in the file
    docs: DocFields
    style: PromptStyle


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
    owner = read_task_file(path)
    for key, problem in _NOT_READ.items():
        if owner.pop(key, None) not in (None, False):
            raise owner.error(key, f"{problem}.")
    owner.check_keys(TASK_FIELDS)
    chosen = _settings(settings)
    output_type = _choice(owner, "output_type", OUTPUT_TYPES, "generate_until")
    style = _style(owner, PromptStyle(target_delimiter=" ", fewshot_delimiter="\n\n"))
    generation, seed = read_generation(owner, style.fewshot_delimiter)
    repeats = read_whole(owner, "repeats", least=1, most=MAX_REPEATS) or 1
    metadata = _mapping(owner, "metadata")
    metadata.check_keys(("version", "about", "cluster_by"))
    data_files = _data_files(owner)
    docs = _doc_fields(owner)
    config = TaskConfig(
        path=path,
        name=_name(owner),
        about=_text(metadata, "about", ""),
        version=str(metadata.get("version", 0)),
        output_type=output_type,
        kind=_kind(owner),
        data_files=data_files,
        split=_eval_split(owner, data_files),
        docs=docs,
        few_shot=_few_shot(owner, docs, style, data_files, chosen.get("num_fewshot")),
        description=_text(owner, "description", ""),
        target_delimiter=style.target_delimiter,
        generation=generation,
        repeats=repeats,
        seed=chosen.get("seed", DEFAULT_SEED if seed is None else seed),
        pipelines=_pipelines(owner, repeats),
        metrics=read_metrics(owner, output_type),
        cluster_by=_text(metadata, "cluster_by", "") or None,
        is_chat=_flag(owner, "apply_chat_template"),
        fields=_plain(owner),
    )
    _check_together(owner, config)
    _warn_of_escapes(owner)
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
    name = _text(owner, "task", owner.path.stem)
    if not re.fullmatch(r"\w[\w.-]{0,99}", name):
        raise owner.error("task", f"is {name!r}; a name is letters, digits, '-', '_' and '.', 100 at most.")
    return name


def _kind(owner: Fields) -> FileKind:
    kind = owner.get("dataset_path")
    if owner.get("dataset_name") is not None:
        raise owner.error("dataset_name", "is a part of a data set on a hub; leave it out, and name files.")
    if kind in ("json", "csv"):
        return "json" if kind == "json" else "csv"
    raise owner.error(
        "dataset_path",
        f"is {kind!r}; only local files are read: save the rows as JSON Lines, and write dataset_path: json with "
        "dataset_kwargs: {data_files: {test: FILE.jsonl}}.",
    )


def _data_files(owner: Fields) -> Mapping[str, tuple[str, ...]]:
    given = _mapping(owner, "dataset_kwargs")
    given.check_keys(("data_files",))
    files = given.get("data_files")
    if files is None:
        raise owner.error("dataset_kwargs", "must hold data_files: the file of the rows, or 'split: file' lines.")
    by_split = files if isinstance(files, Fields) else {_PLAIN_SPLIT: files}
    found = {split: tuple(names if isinstance(names, list) else [names]) for split, names in by_split.items()}
    for names in found.values():
        if not names or not all(isinstance(name, str) and name for name in names):
            raise given.error("data_files", f"holds {list(names)!r}; a split has a file, or a list of files.")
    return MappingProxyType(found)


def _eval_split(owner: Fields, data_files: Mapping[str, Sequence[str]]) -> str:
    """The test split where there is one, else the validation split."""
    for key in ("test_split", "validation_split"):
        if owner.get(key) is not None:
            return _split(owner, key, data_files)
    raise owner.error("test_split", f"is missing: say which split is evaluated, of {', '.join(data_files)}.")


def _split(owner: Fields, key: str, data_files: Mapping[str, Sequence[str]]) -> str:
    split = owner[key]
    if not isinstance(split, str) or split not in data_files:
        raise owner.error(
            key,
            f"is {split!r}, and data_files has {', '.join(data_files)}; files without a split are {_PLAIN_SPLIT!r}.",
        )
    return split


def _few_shot(
    owner: Fields, docs: DocFields, style: PromptStyle, data_files: Mapping[str, Sequence[str]], chosen: int | None
) -> FewShot:
    given = _mapping(owner, "fewshot_config")
    given.check_keys(_FEWSHOT_KEYS)
    num = read_whole(owner, "num_fewshot", least=0, most=MAX_FEWSHOT) or 0 if chosen is None else chosen
    samples = given.get("samples", [])
    if not isinstance(samples, list) or not all(isinstance(sample, Fields) for sample in samples):
        raise given.error("samples", "must be a list of rows: 'column: value' lines each.")
    split = _example_split(owner, given, data_files)
    if num and split is None and not samples:
        raise owner.error(
            "num_fewshot",
            f"is {num}, and nothing says where examples come from: name fewshot_split, or write them out as "
            "fewshot_config: {samples: […]}.",
        )
    own = _doc_fields(given)
    return FewShot(
        num=num,
        sampler=_choice(given, "sampler", get_args(Sampler), "default"),
        split=split,
        samples=tuple(samples),
        docs=DocFields(
            text=docs.text if own.text is None else own.text,
            target=docs.target if own.target is None else own.target,
            choices=docs.choices if own.choices is None else own.choices,
        ),
        style=_style(given, style),
    )


def _example_split(owner: Fields, given: Fields, data_files: Mapping[str, Sequence[str]]) -> str | None:
    """The split that is named for examples; else, unless they are written out, the one a model may learn from."""
    places = [(given, "split"), (owner, "fewshot_split")]
    if not given.get("samples"):
        places += [(owner, "training_split"), (owner, "validation_split")]
    for fields, key in places:
        if fields.get(key) is not None:
            return _split(fields, key, data_files)
    return None


def _doc_fields(owner: Fields) -> DocFields:
    text, target, choices = (owner.get(key) for key in ("doc_to_text", "doc_to_target", "doc_to_choice"))
    if text is not None and (not isinstance(text, str | int) or isinstance(text, bool)):
        raise owner.error("doc_to_text", f"is {text!r}; write the name of a column, or a template in quotes.")
    if target is not None and (not isinstance(target, str | int | list) or isinstance(target, bool)):
        raise owner.error("doc_to_target", f"is {target!r}; write the name of a column, or a template in quotes.")
    if isinstance(choices, Fields):
        choices = list(choices.values())
    if isinstance(choices, list) and not all(isinstance(item, str) and item for item in choices):
        raise owner.error("doc_to_choice", "must be a column, a template or a list of texts, in quotes.")
    if choices is not None and not isinstance(choices, str | list):
        raise owner.error("doc_to_choice", f"is {choices!r}; write a column, a template or a list of texts, in quotes.")
    return DocFields(text=text, target=target, choices=choices)


def _pipelines(owner: Fields, repeats: int) -> tuple[Pipeline, ...]:
    if owner.get("filter_list") is None:
        return (FIRST,)
    return read_pipelines(owner, owner["filter_list"], repeats)


def _style(owner: Fields, default: PromptStyle) -> PromptStyle:
    return PromptStyle(
        target_delimiter=_text(owner, "target_delimiter", default.target_delimiter),
        fewshot_delimiter=_text(owner, "fewshot_delimiter", default.fewshot_delimiter),
    )


def _warn_of_escapes(owner: Fields) -> None:
    """Single quotes in YAML keep '\\n' as a backslash and an n, which is hardly ever meant."""
    for fields, key, text in _texts_with_breaks(owner):
        found = next((escape for escape in _ESCAPES if escape in _BLOCK.sub("", text)), None)
        if found:
            notice(
                f'{fields.where(key)} holds a backslash and "{found[1]}", not a line break or tab: single quotes keep '
                f'them as they are. Write it in double quotes: "{found}".'
            )


def _texts_with_breaks(owner: Fields) -> list[tuple[Fields, str, str]]:
    found = []
    for fields in (owner, _mapping(owner, "fewshot_config"), _mapping(owner, "generation_kwargs")):
        for key in ("description", "target_delimiter", "fewshot_delimiter", "doc_to_text", "doc_to_target", "until"):
            value = fields.get(key)
            for text in value if isinstance(value, list) else [value]:
                if isinstance(text, str):
                    found.append((fields, key, text))
    return found


def _mapping(owner: Fields, key: str) -> Fields:
    value = owner.get(key)
    if value is None:
        return Fields(owner.path, key)
    if not isinstance(value, Fields):
        raise owner.error(key, f"is {value!r}; write 'name: value' lines under it.")
    return value


def _text(owner: Fields, key: str, default: str) -> str:
    value = owner.get(key)
    if value is None:
        return default
    if not isinstance(value, str):
        raise owner.error(key, f"is {value!r}; write a text, in quotes if need be.")
    return value


def _flag(owner: Fields, key: str) -> bool:
    value = owner.get(key)
    if value not in (None, True, False):
        raise owner.error(key, f"is {value!r}; write true or false.")
    return bool(value)


def _choice(owner: Fields, key: str, known: Sequence[Any], default: Any) -> Any:
    value = owner.get(key)
    if value is not None and value not in known:
        raise owner.error(key, f"is {value!r}; choose one of {', '.join(known)}.")
    return default if value is None else value


def _plain(value: Any) -> Any:
    """Built of the types of JSON alone."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
