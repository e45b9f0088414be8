"""Filters: what they mean, said twice (as SQL and in Python), and that no text becomes SQL."""

import json
import sqlite3
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from appkit.retrieval.documents import Scalar
from appkit.retrieval.filter_parser import (
    MAX_FILTER_COMPARISONS,
    MAX_FILTER_DEPTH,
    And,
    Comparison,
    Expression,
    FilterSyntaxError,
    Not,
    Or,
    parse_filter,
)
from appkit.retrieval.filters import compile_filter
from appkit.retrieval.schema import SCHEMA

Row = tuple[str, str, str, str, int | None, Mapping[str, Scalar]]
ROWS: list[Row] = [
    ("notes/a.md", "Draft of a plan", "text/markdown", "en", None, {"year": 2021, "tag": "x", "done": True}),
    ("notes/b.md", "热泵手册", "text/markdown", "zh", None, {"year": 2019, "tag": "y", "作者": "王芳"}),
    ("c.pdf", "O'Brien's 100% guide_", "application/pdf", "en", 3, {"year": "2021", "rate": 0.5, "done": False}),
    ("c.pdf", "O'Brien's 100% guide_", "application/pdf", "en", 4, {"year": "2021", "rate": 0.5, "done": False}),
    ("d.txt", "", "text/plain", "other", None, {"page": 7, "key with space": 'a"b\\c', "big": 2**53 + 1}),
]


@pytest.fixture(scope="module")
def connection() -> Iterator[sqlite3.Connection]:
    """The tables of an index with a chunk for each row."""
    with sqlite3.connect(":memory:") as connection:
        connection.executescript(SCHEMA)
        for chunk_id, (source, title, media_type, language, page, metadata) in enumerate(ROWS):
            document_id = {"c.pdf": 2}.get(source, chunk_id)
            connection.execute(
                "INSERT OR IGNORE INTO documents VALUES (?, ?, '', 0, 0, ?, ?, ?, ?, '[]', '[]', 0, x'')",
                (document_id, source, title, media_type, language, json.dumps(metadata)),  # with \\u escapes
            )
            connection.execute("INSERT INTO chunks VALUES (?, ?, 0, 1, ?, '[]', x'')", (chunk_id, document_id, page))
        yield connection
    connection.close()


def found(connection: sqlite3.Connection, filter: str) -> list[int]:
    """Numbers of the rows that a filter lets through, by SQLite."""
    compiled = compile_filter(filter)
    query = (
        f"SELECT chunk_id FROM chunks JOIN documents USING (document_id) WHERE {compiled.condition} ORDER BY chunk_id"
    )
    return [chunk_id for (chunk_id,) in connection.execute(query, compiled.parameters)]


def is_true(expression: Expression, row: Row) -> bool:
    """The same in Python: what the filter says of one row."""
    match expression:
        case Not(part):
            return not is_true(part, row)
        case And(parts):
            return all(is_true(part, row) for part in parts)
        case Or(parts):
            return any(is_true(part, row) for part in parts)
    return compares(expression, row)


def compares(comparison: Comparison, row: Row) -> bool:
    properties = dict(zip(("source", "title", "media_type", "language", "page"), row, strict=False))
    name = comparison.field.name
    known = not comparison.field.is_metadata and name in properties
    have = properties[name] if known else row[5].get(name)
    if comparison.operator == "!=":
        return not any(holds("=", have, value) for value in comparison.values)
    operator = "=" if comparison.operator == "in" else comparison.operator
    return any(holds(operator, have, value) for value in comparison.values)


def holds(operator: str, have: object, value: Scalar) -> bool:
    kinds = [str if isinstance(x, str) else bool if isinstance(x, bool) else float for x in (have, value)]
    if have is None or kinds[0] is not kinds[1]:
        return False
    ascii_lower = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
    match operator:
        case "contains":
            return str(value).translate(ascii_lower) in str(have).translate(ascii_lower)
        case "startswith":
            return str(have).startswith(str(value))
    return {
        "=": have == value, "<": have < value, "<=": have <= value, ">": have > value, ">=": have >= value,
    }[operator]  # type: ignore[operator]  # fmt: skip


@pytest.mark.parametrize(
    ("filter", "rows"),
    [
        ('source = "notes/a.md"', [0]),
        ('source startswith "notes/"', [0, 1]),
        ("title contains 'DRAFT'", [0]),
        ('title contains "热泵"', [1]),
        ('title contains "%" and title contains "_"', [2, 3]),
        ('title contains "o\'brien"', [2, 3]),
        ('language in ("zh", "other")', [1, 4]),
        ('language not in ("zh", "other")', [0, 2, 3]),
        ('year in (2021, "2021", true)', [0, 2, 3]),
        ("page = 3", [2]),
        ("page in (4, 5.0, 3)", [2, 3]),
        ("page != 3", [0, 1, 3, 4]),
        ("not page > 3", [0, 1, 2, 4]),
        ("year >= 2020", [0]),  # the year of the PDF is a text
        ('year = "2021"', [2, 3]),
        ("year == 2021.0", [0]),
        ("done = true", [0]),
        ("done != TRUE", [1, 2, 3, 4]),
        ("done = 1", []),  # true is no number
        ("rate < 0.75 and rate > .25", [2, 3]),
        ("metadata.page = 7", [4]),
        ('metadata."key with space" = "a\\"b\\\\c"', [4]),
        ('作者 = "王芳"', [1]),
        ("作者＝“王芳” and （year ＜ 2020 or tag in （'x'，'y'））", [1]),  # as a Chinese keyboard types it
        (f"big = {2**53 + 1}", [4]),
        (f"big = {2**53}", []),
        ('source = "c.pdf" and page >= 4 and (rate = 0.5 or not title contains "draft")', [3]),
        ('language = "en" or language = "zh" and year > 2020', [0, 2, 3]),  # `and` binds closer
        ("nothing = 1", []),
        ("nothing != 1", [0, 1, 2, 3, 4]),
    ],
)
def test_a_filter_finds_the_rows_it_describes(connection: sqlite3.Connection, filter: str, rows: list[int]) -> None:
    assert found(connection, filter) == rows
    assert [idx for idx, row in enumerate(ROWS) if is_true(parse_filter(filter), row)] == rows


@pytest.mark.parametrize(
    "text",
    [
        "' OR 1=1 --",
        "'; DROP TABLE documents; --",
        '" OR "1"="1',
        "\\",
        "?",
        "%",
        "a\nb",
        "x'00'",
        "');--",
        "${x}",
        "$.a",
    ],
)
def test_hostile_texts_are_only_compared(connection: sqlite3.Connection, text: str) -> None:
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert found(connection, f"source = {quoted} or metadata.{quoted} = {quoted}") == []
    condition = compile_filter(f"source = {quoted} or metadata.{quoted} = {quoted}").condition
    assert condition == compile_filter('source = "a" or metadata."b" = "c"').condition


def test_the_largest_filter_is_within_what_sqlite_takes(connection: sqlite3.Connection) -> None:
    many = f"year in ({','.join(map(str, range(1_600, 2_098)))}) and a=1 and a=1"
    deepest = (
        "(" * MAX_FILTER_DEPTH + " or ".join(["a startswith 'x'"] * MAX_FILTER_COMPARISONS) + ")" * MAX_FILTER_DEPTH
    )
    assert found(connection, many) == found(connection, deepest) == []


# Values near those of the rows, and any others.
NUMBERS = st.one_of(
    st.sampled_from([2019, 2021, 2021.0, 0.5, 3, 7, 1, 0, 2**53, 2**53 + 1]),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
TEXTS = st.one_of(
    st.sampled_from(["en", "notes/", "c.pdf", "2021", "x", "draft", "王芳", ""]), st.text(CHARACTERS, max_size=8)
)


def written(value: Scalar) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value).lower() if isinstance(value, bool) else repr(value)


@st.composite
def comparisons(draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from(["text", "page", "metadata"]))
    if kind == "text":
        field, values = draw(st.sampled_from(["source", "title", "media_type", "language"])), TEXTS
    elif kind == "page":
        field, values = "page", NUMBERS
    else:
        field = draw(st.sampled_from(["year", "tag", "done", "rate", "作者", "big", "metadata.page", "metadata.title"]))
        values = st.one_of(TEXTS, NUMBERS, st.booleans())
    operator = draw(st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "contains", "startswith", "in", "not in"]))
    if operator.endswith("in"):
        return f"{field} {operator} ({', '.join(map(written, draw(st.lists(values, min_size=1, max_size=4))))})"
    value = draw(values)
    if operator in ("contains", "startswith") and not isinstance(value, str):
        operator = "="
    if isinstance(value, bool) and operator not in ("=", "!="):
        operator = "!="
    return f"{field} {operator} {written(value)}"


FILTERS = st.recursive(
    comparisons(),
    lambda inner: st.one_of(
        inner.map(lambda part: f"not ({part})"),
        st.tuples(inner, st.sampled_from(["and", "or", "AND"]), inner).map(lambda parts: f"({' '.join(parts)})"),
    ),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FILTERS)
def test_sqlite_and_python_agree_on_any_filter(connection: sqlite3.Connection, filter: str) -> None:
    expression = parse_filter(filter)
    assert found(connection, filter) == [idx for idx, row in enumerate(ROWS) if is_true(expression, row)]


WORDS = ["source", "page", "year", "metadata", "true", "contains", "not", "in", "and", "or"]
SIGNS = [".", "=", "!=", "<", "(", ")", ",", "'", "“", "\\", "--", ";"]
SCRAPS = [*WORDS, *SIGNS, '"x"', "3", "-1e9", "1e999", "\0", "\ud800"]


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(SCRAPS), max_size=12).map(" ".join)))
@example("year = 1" + "0" * 3_000)
@example("source = '\ud800'")
def test_any_text_is_a_filter_or_a_named_mistake(connection: sqlite3.Connection, filter: str) -> None:
    try:
        found(connection, filter)
    except FilterSyntaxError as error:
        assert 0 <= error.position <= len(filter)
        assert error.filter == filter
