"""A connection to an SQLite database that can read tables and nothing else, whatever the query or the file says.

Source: sqlite.org, "Defense Against The Dark Arts" (security.html) for databases and queries from strangers.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

MAX_SQL_CHARACTERS = 10_000
MAX_VALUE_BYTES = 1_000_000  # of one text or blob, made or read
MAX_COLUMNS = 100  # of a result
_BUSY_S = 1.0
_STEPS = 200  # of SQLite's machine between two looks at the clock; one step may make a value of a megabyte

_READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}
_FORBIDDEN_FUNCTIONS = {"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit", "eval"}
_TABLE_PRAGMAS = ("table_info", "table_xinfo", "index_list", "index_info", "foreign_key_list")
_PRAGMAS = {*_TABLE_PRAGMAS, "data_version"}  # the last is asked by full-text indexes themselves
_MAX_VIRTUAL_TABLES = 50


@contextmanager
def open_guarded(path: Path, deadline: float) -> Iterator[sqlite3.Connection]:
    """The database at `path`, for the thread that opened it. Whatever runs at the deadline is interrupted.

    The file is opened for reading; only SELECT is authorised, without functions that reach outside; values, columns and
    the text of a query are bounded.

    Args:
        deadline: in seconds of `time.monotonic()`.

    Raises:
        sqlite3.Error: it cannot be opened or is no database.
    """
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro", uri=True, timeout=_BUSY_S, isolation_level=None, cached_statements=0
    )
    try:
        connection.text_factory = _text
        connection.set_progress_handler(lambda: time.monotonic() >= deadline, _STEPS)
        for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0", "query_only = ON"):
            connection.execute(f"PRAGMA {pragma}")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
        _connect_virtual_tables(connection)
        for limit, value in (
            (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
            (sqlite3.SQLITE_LIMIT_COLUMN, MAX_COLUMNS),
            (sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, 50),
            (sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 100),
            (sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 500),
            (sqlite3.SQLITE_LIMIT_SQL_LENGTH, MAX_SQL_CHARACTERS),
        ):
            connection.setlimit(limit, value)
        connection.set_authorizer(_authorize)
        yield connection
    finally:
        connection.close()


def _connect_virtual_tables(connection: sqlite3.Connection) -> None:
    """Read the schema, and have virtual tables set up what they need: they prepare statements that are not ours.

    Reading must not be held to the limits, under which a table of more columns would be a damaged one.
    """
    for name in virtual_tables(connection):
        with suppress(sqlite3.Error):  # of a module that is not there: a query of it says so
            connection.execute(f"PRAGMA table_info({quoted(name)})").fetchall()
    for function in ("json_each('[]')", "json_tree('[]')", *(f"pragma_{name}('')" for name in _TABLE_PRAGMAS)):
        with suppress(sqlite3.Error):
            connection.execute(f"SELECT 1 FROM {function}").fetchall()  # noqa: S608


def virtual_tables(connection: sqlite3.Connection) -> list[str]:
    """Names of the first virtual tables, such as full-text indexes."""
    rows = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%' LIMIT ?",
        (_MAX_VIRTUAL_TABLES,),
    )
    return [name for (name,) in rows]


def quoted(name: str) -> str:
    """An identifier as SQL takes it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def _authorize(action: int, first: str | None, second: str | None, database: str | None, inner: str | None) -> int:
    if action in _READING:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() not in _FORBIDDEN_FUNCTIONS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA and (first or "").lower() in _PRAGMAS:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _text(data: bytes) -> str:
    return data.decode(errors="replace")  # SQLite does not check what it stores
