"""The database of a conversation store: its tables, how it is opened, and what its errors mean.

    conversations   pointers: id, title, model, system message, the node that is the head
    branches        heads that a conversation was taken off
    nodes ── bodies the tree: each node is a body said after a parent; forks share what they have in common
    notes           texts about the path to a node, such as its summary: beside the conversation, never in it
    body_words      the words of a body, deflated: what FTS5 must be told to take them out again
    node_words      the keyword index (FTS5) over those words; it keeps no copy of them (content='')

A node's hash is chained (see `message_codec`). SQLite's application id says that a file is ours, its user version is
the format's. The journal is a write-ahead log, which needs a drive of this machine: network drives share no memory.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from appkit.errors import ConversationError, StoreDamagedError, StoreVersionError
from appkit.retrieval.schema import FTS5_TOKENIZER

APPLICATION_ID = 0x61706B63  # "apkc"
FORMAT_VERSION = 1
BUSY_TIMEOUT_S = 15.0

_HEADER = b"SQLite format 3\0"
_SCHEMA = f"""
CREATE TABLE bodies (
    body_id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice
    digest INTEGER NOT NULL,                    -- the first 8 bytes of the body's SHA-256, signed
    role INTEGER NOT NULL,
    text NOT NULL,                              -- TEXT as it is, BLOB deflated
    extra TEXT
);
CREATE INDEX bodies_by_digest ON bodies (digest);
CREATE TABLE nodes (
    node_id INTEGER PRIMARY KEY AUTOINCREMENT,
    parent_id INTEGER REFERENCES nodes,
    body_id INTEGER NOT NULL REFERENCES bodies,
    depth INTEGER NOT NULL,                     -- 1 for the first message
    sha256 BLOB NOT NULL,
    ids BLOB                                    -- what a model generated to say this
);
CREATE INDEX nodes_by_parent ON nodes (parent_id, body_id);
CREATE TABLE conversations (
    conversation_id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    model TEXT NOT NULL,
    system TEXT,
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL,
    head INTEGER REFERENCES nodes
);
CREATE INDEX conversations_by_head ON conversations (head);
CREATE INDEX conversations_by_time ON conversations (updated_us);
CREATE TABLE branches (
    conversation_id TEXT NOT NULL REFERENCES conversations ON DELETE CASCADE,
    head INTEGER NOT NULL REFERENCES nodes,
    left_us INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, head)
);
CREATE INDEX branches_by_head ON branches (head);
CREATE TABLE notes (
    node_id INTEGER NOT NULL REFERENCES nodes ON DELETE CASCADE,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (node_id, kind)
);
CREATE TABLE body_words (body_id INTEGER PRIMARY KEY, words BLOB NOT NULL);
CREATE VIRTUAL TABLE node_words USING fts5 (words, content = '', tokenize = '{FTS5_TOKENIZER}');
"""


def open_database(path: Path) -> sqlite3.Connection:
    """The store at `path`; a new one, readable by its owner alone, where there is nothing.

    Raises:
        StoreVersionError: a newer build wrote it. StoreDamagedError: SQLite cannot read it.
        ConversationError: it is another kind of file, or cannot be opened or made. Whatever is raised changes nothing.
    """
    with told_apart(path):
        _prepare_file(path)
        connection = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        try:
            _check_or_create(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def transaction(
    connection: sqlite3.Connection, path: Path, kind: Literal["IMMEDIATE", "DEFERRED"] = "IMMEDIATE"
) -> Iterator[None]:
    """All writes of the block or none, no other process writing meanwhile; or, deferred, reading from one moment."""
    with told_apart(path):
        connection.execute(f"BEGIN {kind}")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # some errors, such as a full disk, have ended it already
                connection.execute("ROLLBACK")
            raise


@contextmanager
def told_apart(path: Path) -> Iterator[None]:
    """Turns what SQLite and the file system raise into errors that say what to do."""
    try:
        yield
    except sqlite3.ProgrammingError as error:
        raise ConversationError(f"The conversation store {path} was closed: open it again. ({error})") from error
    except sqlite3.DatabaseError as error:
        # SQLite calls bytes that are no text an operational matter.
        if isinstance(error, sqlite3.OperationalError) and "decode" not in str(error):
            raise ConversationError(_advice(path, str(error))) from error
        raise StoreDamagedError(
            f"The conversation store {path} is damaged ({error}). Put a copy in its place, or move the file away to "
            "begin with an empty one.",
            path,
        ) from error
    except OSError as error:
        raise ConversationError(
            f"The conversation store {path} cannot be opened: {error.strerror or error}. Choose another path, or "
            "another data folder with APPKIT_HOME."
        ) from error


def _advice(path: Path, message: str) -> str:
    where = f"The conversation store {path}"
    if "locked" in message or "busy" in message:
        return f"{where} has been in use by another process for {BUSY_TIMEOUT_S:.0f} seconds: try again."
    if "full" in message:
        return f"{where} could not be written, its disk is full: nothing was changed. Make room and try again."
    if "readonly" in message or "unable to open" in message:
        return f"{where} cannot be written: its file or folder is read-only. Give yourself the right to write there."
    return f"{where} could not be read or written ({message}); nothing was changed."


def _prepare_file(path: Path) -> None:
    """An empty file for SQLite to fill where there is none; what is there must look like SQLite's."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        if not path.is_file():  # reading from a pipe would wait without end
            what = "a folder" if path.is_dir() else "no ordinary file"
            raise ConversationError(f"{path} is {what}; give the path of a file.") from None
        with path.open("rb") as file:
            start = file.read(len(_HEADER))
        if start and start != _HEADER:
            raise ConversationError(f"{path} is not a conversation store; give another path.") from None


def _check_or_create(connection: sqlite3.Connection, path: Path) -> None:
    for pragma in ("trusted_schema = OFF", "foreign_keys = ON", "secure_delete = ON", "cell_size_check = ON"):
        connection.execute(f"PRAGMA {pragma}")
    if _is_ours(connection, path):
        return
    _use_write_ahead_log(connection)
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not _is_ours(connection, path):  # another process may have been faster
            for statement in _SCHEMA.split(";\n"):
                if statement.strip():
                    connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _is_ours(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the tables are there; False for an empty file. Raises for every other kind of database."""
    application_id, version = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
    )
    if application_id == APPLICATION_ID:
        if version != FORMAT_VERSION:
            raise StoreVersionError(
                f"The conversation store {path} has format {version}; this build reads format {FORMAT_VERSION}. Use a "
                "newer appkit, or another store.",
                path,
                version,
            )
        return True
    if application_id or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise ConversationError(f"{path} is a database of another program; give another path.")
    return False


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Readers do not wait for writers. SQLite does not wait for its lock here, so this does."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
