"""Questions to an SQLite database as a tool: one SELECT a call, on a connection that can only read."""

import sqlite3
import time
from pathlib import Path
from typing import Annotated, Any

from appkit.errors import ToolError
from appkit.tools.base import Tool, tool
from appkit.tools.context import ToolContext
from appkit.tools.observation import harmless
from appkit.tools.sqlite_guard import MAX_SQL_CHARACTERS, MAX_VALUE_BYTES, open_guarded, quoted, virtual_tables

MAX_SCHEMA_CHARACTERS = 4000
_MAX_NAME = 60
_MAX_TYPE = 20
_MAX_VALUE = 500
_MARGIN_S = 0.2  # the query ends before the call does, so that the model hears why
_SCHEMA_S = 5.0


def query_sqlite(
    path: str | Path,
    *,
    name: str = "query_sqlite",
    max_rows: int = 100,
    max_bytes: int = 16 * 1024,
    timeout_s: float = 10.0,
) -> Tool:
    """A tool that answers SQL with rows of the database at `path`, which it cannot change.

    The tables with their columns are read now, and are in the tool's description.

    Args:
        name: of the tool; two databases need two names.
        max_rows: that are shown of a result.
        max_bytes: of the rows shown.
        timeout_s: after which a query is interrupted.

    Raises:
        ValueError: there is no such database, or it cannot be read.
    """
    from pydantic import Field

    database = Path(path).absolute()
    if not database.is_file():
        raise ValueError(f"{path} is no file; give an SQLite database.")
    if max_rows < 1 or max_bytes < 1:
        raise ValueError(f"{max_rows=} and {max_bytes=} must be at least 1.")
    try:
        with open_guarded(database, time.monotonic() + _SCHEMA_S) as connection:
            schema = _schema_text(connection)
    except sqlite3.Error as error:
        raise ValueError(f"{path} cannot be read as an SQLite database: {error}.") from error

    def query_sqlite(sql: Annotated[str, Field(min_length=1)], context: ToolContext) -> str:
        """Placeholder.

        Args:
            sql: one SELECT statement in the dialect of SQLite.
        """
        try:
            with open_guarded(database, context.deadline - _MARGIN_S) as connection:
                return _result_text(connection.execute(sql), max_rows, max_bytes)
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise ToolError(_reason(error, sql, timeout_s), name) from error

    description = f"Read from a database with one SELECT statement of SQLite. Its tables:\n{schema}"
    return tool(query_sqlite, name=name, description=description, timeout_s=timeout_s)


def _schema_text(connection: sqlite3.Connection) -> str:
    """A line for each table and view with its columns. Names alone: what else the file says of itself is not shown."""
    rows = connection.execute(
        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY type, name LIMIT 1000"
    )
    inner = ("sqlite_", *(f"{name}_" for name in virtual_tables(connection)))  # where full-text indexes keep their data
    names = [name for (name,) in rows if not name.startswith(inner)]
    lines: list[str] = []
    num_characters = 0
    for table in names:
        line = f"{_name(table)}({', '.join(_columns(connection, table))})"
        num_characters += len(line) + 1
        if num_characters > MAX_SCHEMA_CHARACTERS:
            lines.append(f"[Cut here: {len(lines)} of {len(names)} tables are shown; the others are in sqlite_master.]")
            break
        lines.append(line)
    return "\n".join(lines) or "none"


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    """Each column with its type, and with what it refers to."""
    try:
        columns = connection.execute(f"PRAGMA table_info({quoted(table)})").fetchall()
        keys = connection.execute(f"PRAGMA foreign_key_list({quoted(table)})").fetchall()
    except sqlite3.Error:  # a view of what is gone, a virtual table of an extension
        return ["unreadable"]
    targets = {key[3]: f" -> {_name(key[2])}{f'.{_name(key[4])}' if key[4] else ''}" for key in keys}
    return [f"{_name(column[1])} {_type(column[2])}".strip() + targets.get(column[1], "") for column in columns]


def _name(name: str) -> str:
    """An identifier as SQL takes it, cut where it is long."""
    shown = _on_one_line(name, _MAX_NAME)
    return shown if shown.isidentifier() else quoted(shown)


def _type(kind: str) -> str:
    return _on_one_line(kind, _MAX_TYPE)


def _on_one_line(text: str, max_characters: int) -> str:
    line = " ".join(harmless(text).split())
    return line if len(line) <= max_characters else f"{line[:max_characters]}…"


def _result_text(cursor: sqlite3.Cursor, max_rows: int, max_bytes: int) -> str:
    """The names of the columns, the rows, and how many there are."""
    if cursor.description is None:
        raise ToolError("There is no statement; write one SELECT.")
    lines = [" | ".join(_name(column[0]) for column in cursor.description)]
    num_bytes = 0
    for row in cursor:
        line = " | ".join(_value(value) for value in row)
        num_bytes += len(line.encode()) + 1
        if len(lines) > max_rows or num_bytes > max_bytes:
            return "\n".join(
                [*lines, f"[Cut here: the first {len(lines) - 1} rows; there are more. Narrow the query, or count.]"]
            )
        lines.append(line)
    num_rows = len(lines) - 1
    return "\n".join([*lines, f"({num_rows} row{'' if num_rows == 1 else 's'})"])


def _value(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"[{len(value):,} bytes]"
    if not isinstance(value, str):
        return repr(value)
    shown = harmless(value[:_MAX_VALUE]).replace("\n", "\\n")
    return shown if len(value) <= _MAX_VALUE else f"{shown}… [{len(value):,} characters]"


def _reason(error: Exception, sql: str, timeout_s: float) -> str:
    message = harmless(str(error))[:500].rstrip(".")
    if len(sql) > MAX_SQL_CHARACTERS:
        return f"The query has {len(sql):,} characters; at most {MAX_SQL_CHARACTERS:,} are read."
    if "too big" in message:
        return f"A value has more than {MAX_VALUE_BYTES:,} bytes; leave its column out, or ask for its length()."
    if message == "interrupted":
        return f"The query did not end in {timeout_s:g} s; narrow it."
    if "not authorized" in message or "prohibited" in message:
        return f"Only a SELECT that reads the tables is allowed here ({message})."
    return f"SQLite says: {message}."
