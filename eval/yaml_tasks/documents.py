"""What a row becomes: the text to show, the answer that is right, the choices. Fields name a column, or are Jinja.

Templates run in the sandbox that every template of the project runs in. A template that gives a list gives its text,
as Python writes lists; such texts are read as literals, which names and calls nothing.

Source: lm-evaluation-harness 0.4.13, `ConfigurableTask.doc_to_text`, `doc_to_target` and `doc_to_choice`.
"""

import ast
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from appkit.errors import EvaluationError
from eval.yaml_tasks.fields import nearest
from eval.yaml_tasks.rows import Row
from runtime.sandbox import (
    RenderOptions,
    SandboxError,
    SandboxSyntaxError,
    SandboxUnavailableError,
    SandboxUndefinedError,
    shared_sandbox,
)

TEMPLATE_OPTIONS = RenderOptions(strict=True, keep_trailing_newline=True)
MAX_LITERAL_CHARS = 100_000
MAX_CHOICES = 1_000
_NAME = re.compile(r"\w+")

Answer = int | str | list[int] | list[str]


@dataclass(frozen=True, kw_only=True)
class DocFields:
    """How rows are read: a column, a template, or what is the same for every row."""

    text: str | int | None
    target: str | int | list[Any] | None
    choices: str | list[str] | None


@dataclass(frozen=True, kw_only=True)
class Doc:
    """A row, read."""

    row: Row
    text: str | int  # a whole number is the index of the right text among `choices`
    target: Answer
    choices: tuple[str, ...]  # none where the task has none


class DocReader:
    """Reads rows that have certain columns. Raises EvaluationError for a field that names none of them."""

    def __init__(self, fields: DocFields, columns: Sequence[str]) -> None:
        self._fields = fields
        self._columns = tuple(columns)
        named = {"doc_to_text": fields.text, "doc_to_target": fields.target, "doc_to_choice": fields.choices}
        for field, source in named.items():
            if isinstance(source, str) and _NAME.fullmatch(source) and source not in self._columns:
                raise EvaluationError(
                    f"{field} is {source!r}, which is no column of the data; {nearest(source, self._columns)} "
                    "A template holds {{ }}."
                )

    def read(self, row: Row) -> Doc:
        """Raises EvaluationDataError for a row that lacks something, EvaluationError for a template that is none."""
        choices = self._choices(row)
        return Doc(row=row, text=self._text(row), target=self._target(row), choices=choices)

    def render(self, field: str, source: str, row: Row) -> Any:
        """The value of a column, or the text of a template. Raises as `read`."""
        return self._column(field, source, row) if source in self._columns else render(field, source, row)

    def _column(self, field: str, name: str, row: Row) -> Any:
        value = row.values.get(name)
        if value is None:
            raise row.error(f"there is no {name!r}, which {field} needs.")
        return value

    def _text(self, row: Row) -> str | int:
        source = self._fields.text
        if source is None or isinstance(source, int):
            return "" if source is None else source
        value = self.render("doc_to_text", source, row)
        if source not in self._columns and self._fields.choices is not None and _is_index(value):
            return int(value)
        return value if isinstance(value, int) and not isinstance(value, bool) else as_text(value, "doc_to_text", row)

    def _target(self, row: Row) -> Answer:
        source = self._fields.target
        if not isinstance(source, str):
            return _answer([] if source is None else source, row)
        value = self.render("doc_to_target", source, row)
        if source in self._columns:
            return _answer(value, row)
        if self._fields.choices is not None and _is_index(value):
            return int(value)
        if len(value) >= 2 and value[0] == "[" and value[-1] == "]":
            listed = _literal(value)
            return value if listed is None else _answer(listed, row)
        return str(value)

    def _choices(self, row: Row) -> tuple[str, ...]:
        source = self._fields.choices
        if source is None:
            return ()
        value: Any = source
        if isinstance(source, str):
            value = self.render("doc_to_choice", source, row)
            if source not in self._columns:
                value = _literal(value)
        if not isinstance(value, list) or not value or len(value) > MAX_CHOICES:
            raise row.error(f"doc_to_choice must give a list of 1 to {MAX_CHOICES:,} texts.")
        for choice in value:
            if not isinstance(choice, str) or not choice:
                raise row.error(f"doc_to_choice gives {choice!r}, and every choice must be a text that is not empty.")
        return tuple(value)


def render(field: str, source: str, row: Row) -> str:
    """The text that a template makes of a row.

    Raises:
        EvaluationDataError: the row lacks what the template needs, or has what it cannot use.
        EvaluationError: the template cannot be read.
    """
    if "{" not in source:
        return source
    try:
        return shared_sandbox().render(source, row.values, options=TEMPLATE_OPTIONS)
    except SandboxUnavailableError:
        raise
    except SandboxSyntaxError as error:
        raise EvaluationError(f"{field} is no Jinja template: {_reason(error)}.") from error
    except SandboxUndefinedError as error:
        missing = f"there is no {error.variable!r}" if error.variable else _reason(error)
        raise row.error(
            f"{missing}, which {field} needs; the row has {', '.join(map(str, row.values)) or 'nothing'}."
        ) from error
    except SandboxError as error:
        raise row.error(f"{field} cannot be rendered: {_reason(error)}.") from error
    except ValueError as error:
        raise row.error(f"{field} cannot be rendered: {str(error).removesuffix('.')}.") from error


def columns_of(*sets: Sequence[Row]) -> list[str]:
    """The names of all columns that any row has, in order of appearance."""
    return list({name: None for rows in sets for row in rows for name in row.values})


def as_text(value: Any, field: str, row: Row) -> str:
    """Text as it is, numbers and booleans as templates write them."""
    if isinstance(value, str | int | float):
        return str(value)
    raise row.error(f"{field} gives {_kind(value)}; it must be text.")


def _answer(value: Any, row: Row) -> Answer:
    """A text, an index, or a list of either."""
    if isinstance(value, list) and value:
        items = [_one_answer(item, row) for item in value]
        if all(isinstance(item, int) for item in items):
            return [item for item in items if isinstance(item, int)]
        return [str(item) for item in items]
    return _one_answer(value, row)


def _one_answer(value: Any, row: Row) -> int | str:
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return int(value)  # a boolean is an index too: false the first, true the second
    return as_text(value, "doc_to_target", row)


def _literal(text: str) -> list[Any] | None:
    """The list that a text writes out, or None. Literals only: names and calls are none."""
    if len(text) > MAX_LITERAL_CHARS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes and the like, which change nothing here
            value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return value if isinstance(value, list) else None


def _is_index(text: object) -> bool:
    return isinstance(text, str) and len(text) <= 9 and text.isascii() and text.isdigit()


def _reason(error: SandboxError) -> str:
    where = "" if error.line is None else f" (its line {error.line})"
    return f"{error.reason.rstrip('.')}{where}"


def _kind(value: Mapping[str, Any] | list[Any] | None) -> str:
    return "nothing" if value is None else "an empty list" if value == [] else f"a {type(value).__name__}"
