"""The tree of messages: nodes put under their parents, and paths read back with their hashes checked.

The same message after the same path is the same node, however often it is said, so forks share their history. A
message said elsewhere too shares its body. Functions over an open database; whoever writes has a transaction open.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from appkit.chat.message_codec import BadRecordError, Body, from_body, hash_node, hash_of, pack_ids, to_body, unpack_ids
from appkit.messages import Message

# The nodes from the one given back to the first message. Put before a query; values are only ever parameters.
_PATH = """
WITH RECURSIVE path (node_id, parent_id, body_id, depth, sha256, ids) AS (
    SELECT node_id, parent_id, body_id, depth, sha256, ids FROM nodes WHERE node_id = ?
    UNION ALL  -- the depth falls with every step, so also a forged path ends
    SELECT nodes.node_id, nodes.parent_id, nodes.body_id, nodes.depth, nodes.sha256, nodes.ids
    FROM path JOIN nodes ON nodes.node_id = path.parent_id WHERE nodes.depth = path.depth - 1
)
"""


@dataclass(frozen=True)
class NewMessage:
    """A message made ready to be stored."""

    body: Body
    ids: bytes


def prepare(messages: Sequence[Message]) -> list[NewMessage]:
    """Messages as they will be stored. Raises ValueError for what cannot be."""
    return [NewMessage(to_body(message), pack_ids(message.token_ids)) for message in messages]


def add_path(db: sqlite3.Connection, head: int, messages: Sequence[NewMessage]) -> tuple[int, list[int]]:
    """Put messages under the node `head` (0: at the root), one under the other.

    Returns:
        The node of the last one, and those nodes that were not there before.
    """
    depth, parent_hash = db.execute("SELECT depth, sha256 FROM nodes WHERE node_id = ?", (head,)).fetchone() or (0, b"")
    added: list[int] = []
    for message in messages:
        depth += 1
        node_hash = hash_node(parent_hash, message.body.sha256, message.ids)
        body_id = _put_body(db, message.body)
        found = db.execute(
            "SELECT node_id FROM nodes WHERE parent_id IS ? AND body_id = ? AND sha256 = ?",
            (head or None, body_id, node_hash),
        ).fetchone()
        if found:
            head = found[0]
        else:
            cursor = db.execute(
                "INSERT INTO nodes (parent_id, body_id, depth, sha256, ids) VALUES (?, ?, ?, ?, ?)",
                (head or None, body_id, depth, node_hash, message.ids or None),
            )
            head = cursor.lastrowid or 0
            added.append(head)
        parent_hash = node_hash
    return head, added


def ancestor(db: sqlite3.Connection, head: int, depth: int) -> int:
    """The node at `depth` on the path to `head`; 0 for depth 0."""
    found = db.execute(f"{_PATH} SELECT node_id FROM path WHERE depth = ?", (head, depth)).fetchone()  # noqa: S608
    return found[0] if found else 0


def is_on_path(db: sqlite3.Connection, node: int, head: int) -> bool:
    """Whether `node` is `head` or one of its ancestors; the root, 0, is on every path."""
    sql = f"{_PATH} SELECT 1 FROM path WHERE node_id = ?"  # noqa: S608
    return not node or db.execute(sql, (head, node)).fetchone() is not None


def read_path(db: sqlite3.Connection, head: int) -> list[Message]:
    """Every message from the first to `head`.

    Raises:
        BadRecordError: what is stored is not what its hashes were made of.
    """
    rows = db.execute(
        f"{_PATH} SELECT node_id, path.depth, sha256, ids, role, text, extra"  # noqa: S608
        " FROM path LEFT JOIN bodies USING (body_id) ORDER BY path.depth",
        (head,),
    ).fetchall()
    if head and (not rows or rows[0][1] != 1 or rows[-1][0] != head):
        raise BadRecordError("a message has lost those before it")
    found: list[Message] = []
    parent_hash = b""
    for _, _, node_hash, ids, role, text, extra in rows:
        packed = ids or b""
        if not isinstance(packed, bytes):
            raise BadRecordError(f"the ids of message {len(found) + 1} are no bytes")
        message, body_hash = from_body(role, text, extra, unpack_ids(packed))
        if hash_node(parent_hash, body_hash, packed) != node_hash:
            raise BadRecordError(f"message {len(found) + 1} is not the one its hash was made of")
        found.append(message)
        parent_hash = node_hash
    return found


def newest_note(db: sqlite3.Connection, head: int, kind: str) -> tuple[int, str] | None:
    """The note of a kind nearest to `head` on its path: the depth of its node, and its text."""
    newest = "WHERE kind = ? ORDER BY depth DESC LIMIT 1"
    sql = f"{_PATH} SELECT depth, text FROM path JOIN notes USING (node_id) {newest}"  # noqa: S608
    found: tuple[int, str] | None = db.execute(sql, (head, kind)).fetchone()
    return found


def heads_below(db: sqlite3.Connection, node: int) -> list[tuple[str, bool, int]]:
    """Every pointer whose path goes through `node`: conversation, whether it is its head or a branch, and when."""
    return db.execute(
        """
        WITH RECURSIVE below (node_id, depth) AS (
            SELECT node_id, depth FROM nodes WHERE node_id = ?
            UNION ALL
            SELECT nodes.node_id, nodes.depth FROM below JOIN nodes ON nodes.parent_id = below.node_id
            WHERE nodes.depth = below.depth + 1
        )
        SELECT conversation_id, 1, updated_us FROM below JOIN conversations ON head = node_id
        UNION ALL
        SELECT conversation_id, 0, left_us FROM below JOIN branches ON head = node_id
        """,
        (node,),
    ).fetchall()


def remove_line(db: sqlite3.Connection, head: int) -> list[tuple[int, int]]:
    """Take out `head` and those before it that nobody else needs: no other message, conversation or branch.

    Returns:
        The nodes that went, each with its body. The bodies stay until `remove_unused_bodies`.
    """
    removed: list[tuple[int, int]] = []
    while head:
        parent = db.execute("SELECT parent_id, body_id FROM nodes WHERE node_id = ?", (head,)).fetchone()
        is_needed = db.execute(
            "SELECT 1 FROM nodes WHERE parent_id = ?1 UNION ALL SELECT 1 FROM conversations WHERE head = ?1"
            " UNION ALL SELECT 1 FROM branches WHERE head = ?1 LIMIT 1",
            (head,),
        ).fetchone()
        if parent is None or is_needed:
            break
        db.execute("DELETE FROM nodes WHERE node_id = ?", (head,))
        removed.append((head, parent[1]))
        head = parent[0] or 0
    return removed


def remove_unused_bodies(db: sqlite3.Connection, body_ids: Sequence[int]) -> None:
    """Take out those of the bodies that no node says any more."""
    db.execute("CREATE TEMP TABLE IF NOT EXISTS unused (body_id INTEGER PRIMARY KEY)")
    db.executemany("INSERT OR IGNORE INTO unused VALUES (?)", ((body_id,) for body_id in body_ids))
    db.execute("DELETE FROM unused WHERE body_id IN (SELECT body_id FROM nodes)")  # reads every node: 0.1 s a million
    for table in ("bodies", "body_words"):
        db.execute(f"DELETE FROM {table} WHERE body_id IN (SELECT body_id FROM unused)")  # noqa: S608 - two names of ours
    db.execute("DELETE FROM unused")


def _put_body(db: sqlite3.Connection, body: Body) -> int:
    digest = int.from_bytes(body.sha256[:8], "big", signed=True)
    for body_id, *stored in db.execute("SELECT body_id, role, text, extra FROM bodies WHERE digest = ?", (digest,)):
        if hash_of(*stored) == body.sha256:  # half a hash may be the same by chance, or by intent
            return int(body_id)
    cursor = db.execute(
        "INSERT INTO bodies (digest, role, text, extra) VALUES (?, ?, ?, ?)", (digest, body.role, body.text, body.extra)
    )
    return cursor.lastrowid or 0
