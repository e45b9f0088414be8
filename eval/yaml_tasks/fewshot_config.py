"""Where worked examples come from and how they read: `num_fewshot`, `fewshot_split`, `fewshot_config`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from eval.yaml_tasks.data_config import read_split
from eval.yaml_tasks.documents import DocFields
from eval.yaml_tasks.fewshot import PromptStyle, Sampler
from eval.yaml_tasks.fields import Fields

MAX_FEWSHOT = 1_000
_KEYS = ("sampler", "split", "samples", "doc_to_text", "doc_to_target", "doc_to_choice",
         "target_delimiter", "fewshot_delimiter")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class FewShot:
    """Where worked examples come from, and how they read."""

    num: int
    sampler: Sampler
    split: str | None
    samples: tuple[Mapping[str, Any], ...]  # written out in the file
    docs: DocFields
    style: PromptStyle


def read_few_shot(
    owner: Fields, docs: DocFields, style: PromptStyle, data_files: Mapping[str, Sequence[str]], chosen: int | None
) -> FewShot:
    """How many examples, and which.

    Args:
        docs, style: how questions read, which examples follow where nothing else is said.
        chosen: how many the caller wants, in place of the file's number.

    Raises:
        EvaluationError: a field cannot be, or nothing says where examples come from.
    """
    given = owner.mapping("fewshot_config")
    given.check_keys(_KEYS)
    num = owner.whole("num_fewshot", least=0, most=MAX_FEWSHOT) or 0
    num = num if chosen is None else chosen
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
    own = read_doc_fields(given)
    return FewShot(
        num=num,
        sampler=given.choice("sampler", get_args(Sampler), "default"),
        split=split,
        samples=tuple(samples),
        docs=DocFields(
            text=docs.text if own.text is None else own.text,
            target=docs.target if own.target is None else own.target,
            choices=docs.choices if own.choices is None else own.choices,
        ),
        style=read_style(given, style),
    )


def _example_split(owner: Fields, given: Fields, data_files: Mapping[str, Sequence[str]]) -> str | None:
    """The split that is named for examples; else, unless they are written out, the one a model may learn from."""
    places = [(given, "split"), (owner, "fewshot_split")]
    if not given.get("samples"):
        places += [(owner, "training_split"), (owner, "validation_split")]
    for fields, key in places:
        if fields.get(key) is not None:
            return read_split(fields, key, data_files)
    return None


def read_doc_fields(owner: Fields) -> DocFields:
    """`doc_to_text`, `doc_to_target` and `doc_to_choice`. Raises EvaluationError."""
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


def read_style(owner: Fields, default: PromptStyle) -> PromptStyle:
    """The delimiters. Raises EvaluationError."""
    return PromptStyle(
        target_delimiter=owner.text("target_delimiter", default.target_delimiter),
        fewshot_delimiter=owner.text("fewshot_delimiter", default.fewshot_delimiter),
    )
