"""Filters over documents as parameterised SQL: one grammar for dense and keyword search alike.

    source startswith "notes/" and year >= 2020 and (tag in ("x", "y") or not title contains "draft")

`source`, `title`, `media_type`, `language` (texts) and `page` (a number) are properties of every chunk; any other name
is an entry of the document's metadata, and `metadata.page` one that shares a property's name. There are two truth
values: a comparison with a missing entry, or with one of another type, is false, and `not` makes it true. Numbers
compare as numbers, texts by code point; `contains` takes the letters A to Z and a to z for the same, everything else
is exact.

What the user wrote only ever becomes a bound parameter.
"""

from dataclasses import dataclass, replace
from typing import assert_never

from appkit.retrieval.documents import Scalar
from appkit.retrieval.filter_parser import And, Comparison, Expression, FilterSyntaxError, Not, Or, parse_filter

# Names of the index's tables: see schema.py.
_TEXT_COLUMNS = {
    "source": "documents.source",
    "title": "documents.title",
    "media_type": "documents.media_type",
    "language": "documents.language",
}
_NUMBER_COLUMNS = {"page": "chunks.page_number"}


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
                return _compile(Not(replace(expression, operator="=")), filter)
            kinds = {_json_types(value) for value in expression.values}  # several only for "in"
            by_kind = (tuple(v for v in expression.values if _json_types(v) == kind) for kind in sorted(kinds))
            return _join(
                " OR ", [_compile_comparison(replace(expression, values=values), filter) for values in by_kind]
            )
        case _:
            assert_never(expression)


def _join(word: str, parts: list[SqlFilter]) -> SqlFilter:
    condition = word.join(part.condition for part in parts)
    return SqlFilter(f"({condition})", tuple(value for part in parts for value in part.parameters))


def _compile_comparison(comparison: Comparison, filter: str) -> SqlFilter:
    """A comparison whose values are of one type."""
    field, values = comparison.field, comparison.values
    if not field.is_metadata and field.name in _TEXT_COLUMNS:
        if not all(isinstance(value, str) for value in values):
            raise FilterSyntaxError(
                f"{field.name} is a text: compare it with a text in quotes.", filter, field.position
            )
        return _column(_TEXT_COLUMNS[field.name], comparison)
    if not field.is_metadata and field.name in _NUMBER_COLUMNS:
        if any(isinstance(value, bool | str) for value in values):
            raise FilterSyntaxError(f"{field.name} is a number: compare it with a number.", filter, field.position)
        return _column(_NUMBER_COLUMNS[field.name], comparison)
    # json_each takes the key as a parameter; the path of json_extract would have to be quoted, and sees escaped keys.
    # A subquery of its own: SQLite asks it once, a row a document, and not again for each of the document's chunks.
    condition = (
        "documents.document_id IN (SELECT described.document_id FROM documents AS described,"  # noqa: S608 - fixed names
        " json_each(described.metadata) AS entry"
        f" WHERE entry.key = ? AND entry.type IN {_json_types(values[0])} AND {_test('entry.value', comparison)})"
    )
    return SqlFilter(condition, (field.name, *_parameters(comparison)))


def _column(column: str, comparison: Comparison) -> SqlFilter:
    # COALESCE: a comparison with NULL would be neither true nor false, and so would its negation.
    return SqlFilter(f"COALESCE({_test(column, comparison)}, 0)", _parameters(comparison))


def _test(operand: str, comparison: Comparison) -> str:
    match comparison.operator:
        case "contains":
            return f"instr(lower({operand}), lower(?)) > 0"  # SQLite's lower() changes A to Z alone
        case "startswith":
            return f"substr({operand}, 1, length(?)) = ?"
        case "in":
            return f"{operand} IN ({', '.join('?' * len(comparison.values))})"
    return f"{operand} {comparison.operator} ?"


def _parameters(comparison: Comparison) -> tuple[str | int | float, ...]:
    stored = tuple(int(value) if isinstance(value, bool) else value for value in comparison.values)
    return stored * 2 if comparison.operator == "startswith" else stored


def _json_types(value: Scalar) -> str:
    """What JSON calls values that can be compared with this one."""
    if isinstance(value, bool):
        return "('true', 'false')"
    return "('text')" if isinstance(value, str) else "('integer', 'real')"
