"""Filters over documents as parameterised SQL: one grammar for dense and keyword search alike.

    source startswith "notes/" and year >= 2020 and (tag in ("x", "y") or not title contains "draft")

`source`, `title`, `media_type`, `language` (texts) and `page` (a number) are properties of every chunk; any other name
is an entry of the document's metadata, and `metadata.page` one that shares a property's name. There are two truth
values: a comparison with a missing entry, or with one of another type, is false, and `not` makes it true. Numbers
compare as numbers, texts by code point; `contains` takes the letters A to Z and a to z for the same, everything else
is exact.

What the user wrote only ever becomes a bound parameter.
"""

from dataclasses import dataclass
from typing import assert_never

from appkit.retrieval.documents import Scalar
from appkit.retrieval.filter_parser import And, Comparison, Expression, FilterSyntaxError, Not, Or, parse_filter

# Names of the index's tables: see the schema in store.py.
_TEXT_COLUMNS = {
    "source": "documents.source",
    "title": "documents.title",
    "media_type": "documents.media_type",
    "language": "documents.language",
}
_NUMBER_COLUMNS = {"page": "chunks.page_number"}
_METADATA_COLUMN = "documents.metadata"


@dataclass(frozen=True)
class SqlFilter:
    """A condition on rows of `chunks JOIN documents`, and the values for its question marks, in order."""

    condition: str
    parameters: tuple[str | int | float, ...]


def compile_filter(filter: str) -> SqlFilter:
    """The filter as SQL.

    Raises:
        FilterSyntaxError: it is not of the grammar, or compares a property with a value of the wrong type.
    """
    return _compile(parse_filter(filter), filter)


def _compile(expression: Expression, filter: str) -> SqlFilter:
    match expression:
        case Not(part):
            inner = _compile(part, filter)
            return SqlFilter(f"(NOT {inner.condition})", inner.parameters)
        case And(parts):
            return _join(" AND ", [_compile(part, filter) for part in parts])
        case Or(parts):
            return _join(" OR ", [_compile(part, filter) for part in parts])
        case Comparison():
            if expression.operator == "!=":
                return _compile(Not(_with_operator(expression, "=")), filter)
            if expression.operator == "in":
                same = [_with_operator(expression, "=", value) for value in expression.values]
                return _join(" OR ", [_compile_comparison(comparison, filter) for comparison in same])
            return _compile_comparison(expression, filter)
        case _:
            assert_never(expression)


def _join(word: str, parts: list[SqlFilter]) -> SqlFilter:
    condition = word.join(part.condition for part in parts)
    return SqlFilter(f"({condition})", tuple(value for part in parts for value in part.parameters))


def _with_operator(comparison: Comparison, operator: str, value: Scalar | None = None) -> Comparison:
    values = comparison.values if value is None else (value,)
    return Comparison(comparison.field, operator, values, comparison.position)


def _compile_comparison(comparison: Comparison, filter: str) -> SqlFilter:
    field, (value,) = comparison.field, comparison.values
    if not field.is_metadata and field.name in _TEXT_COLUMNS:
        if not isinstance(value, str):
            raise FilterSyntaxError(
                f"{field.name} is a text: compare it with a text in quotes.", filter, field.position
            )
        return _column(_TEXT_COLUMNS[field.name], comparison.operator, value)
    if not field.is_metadata and field.name in _NUMBER_COLUMNS:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise FilterSyntaxError(f"{field.name} is a number: compare it with a number.", filter, field.position)
        return _column(_NUMBER_COLUMNS[field.name], comparison.operator, value)
    # json_each takes the key as a parameter; the path of json_extract would have to be quoted, and sees escaped keys.
    test = _test("entry.value", comparison.operator)
    condition = (
        f"EXISTS (SELECT 1 FROM json_each({_METADATA_COLUMN}) AS entry"  # noqa: S608 - fixed names only
        f" WHERE entry.key = ? AND entry.type IN {_json_types(value)} AND {test})"
    )
    stored = int(value) if isinstance(value, bool) else value
    return SqlFilter(condition, (field.name, *_parameters(comparison.operator, stored)))


def _column(column: str, operator: str, value: str | int | float) -> SqlFilter:
    # COALESCE: a comparison with NULL would be neither true nor false, and so would its negation.
    return SqlFilter(f"COALESCE({_test(column, operator)}, 0)", _parameters(operator, value))


def _test(operand: str, operator: str) -> str:
    if operator == "contains":
        return f"instr(lower({operand}), lower(?)) > 0"  # SQLite's lower() changes A to Z alone
    if operator == "startswith":
        return f"substr({operand}, 1, length(?)) = ?"
    return f"{operand} {operator} ?"


def _parameters(operator: str, value: str | int | float) -> tuple[str | int | float, ...]:
    return (value, value) if operator == "startswith" else (value,)


def _json_types(value: Scalar) -> str:
    if isinstance(value, bool):
        return "('true', 'false')"
    return "('text')" if isinstance(value, str) else "('integer', 'real')"
