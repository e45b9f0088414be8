"""Conversations as pointers into the tree: found by the beginning of an id, moved, forked, taken out.

Functions over an open database; the store has a transaction open.
"""

import difflib
import secrets
import sqlite3
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from appkit.chat import tree
from appkit.chat.conversation import Branch, Conversation, SearchHit
from appkit.chat.message_codec import ROLES, content_of
from appkit.chat.search import add_words, remove_words, snippet
from appkit.errors import ConversationNotFoundError
from appkit.messages import Message

ID_LEN = 8
_ID_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look like another
_SELECT = """
SELECT conversation_id, title, model, system, created_us, updated_us, coalesce(depth, 0), coalesce(head, 0)
FROM conversations LEFT JOIN nodes ON node_id = head
"""


# --- looking up


def resolve(db: sqlite3.Connection, conversation_id: str) -> Conversation:
    """The one conversation whose id begins so. Raises ConversationNotFoundError."""
    start = conversation_id.strip().lower()
    rows = db.execute(
        f"{_SELECT} WHERE substr(conversation_id, 1, ?) = ? ORDER BY conversation_id LIMIT 6",
        (max(1, len(start)), start),
    ).fetchall()
    found = [to_conversation(row) for row in rows]
    exact = [conversation for conversation in found if conversation.id == start]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if found:
        ids = ", ".join(conversation.id for conversation in found)
        message = f"Several conversations begin with {conversation_id!r}: {ids}. Give more of the id."
    else:
        message = f"There is no conversation {conversation_id[:100]!r}; {_near(db, start)}"
    raise ConversationNotFoundError(message, conversation_id)


def recent(db: sqlite3.Connection, limit: int, offset: int) -> list[Conversation]:
    """The one that was gone on with last first."""
    sql = f"{_SELECT} ORDER BY updated_us DESC, conversation_id LIMIT ? OFFSET ?"
    return [to_conversation(row) for row in db.execute(sql, (limit, offset))]


def node_after(db: sqlite3.Connection, conversation: Conversation, num_messages: int) -> int:
    """The node of the last of the first `num_messages`. Raises ValueError where there are fewer."""
    if not 0 <= num_messages <= conversation.num_messages:
        raise ValueError(
            f"Conversation {conversation.id} has {conversation.num_messages} messages, so it has no place after "
            f"{num_messages}."
        )
    return tree.ancestor(db, conversation.head, num_messages)


def branches(db: sqlite3.Connection, conversation: Conversation) -> list[Branch]:
    """Lines that a conversation was taken off, the last one first."""
    rows = db.execute(
        "SELECT branches.head, depth, left_us, text FROM branches JOIN nodes ON node_id = branches.head"
        " JOIN bodies USING (body_id) WHERE conversation_id = ? ORDER BY left_us DESC, branches.head DESC",
        (conversation.id,),
    ).fetchall()
    return [
        Branch(head=head, num_messages=depth, left=_to_time(left_us), last_message=snippet(content_of(text), ()))
        for head, depth, left_us, text in rows
    ]


def hit(db: sqlite3.Connection, node: int, score: float, words: Sequence[str]) -> SearchHit | None:
    """A found message with the conversation that shows it: on its trunk before on a branch, the newest of several."""
    heads = tree.heads_below(db, node)
    if not heads:
        return None  # only a forged index names a message that no conversation holds
    conversation_id, is_on_trunk, _ = max(heads, key=lambda head: (head[1], head[2], head[0]))
    depth, role, text = db.execute(
        "SELECT depth, role, text FROM nodes JOIN bodies USING (body_id) WHERE node_id = ?", (node,)
    ).fetchone()
    return SearchHit(
        conversation=resolve(db, conversation_id),
        position=depth - 1,
        role=ROLES[role],
        snippet=snippet(content_of(text), words),
        score=score,
        is_on_trunk=bool(is_on_trunk),
    )


# --- changing


def insert(db: sqlite3.Connection, conversation_id: str, *, title: str, model: str, system: str | None) -> Conversation:
    """A new conversation without messages."""
    now = now_us()
    db.execute(
        "INSERT INTO conversations VALUES (?, ?, ?, ?, ?, ?, NULL)", (conversation_id, title, model, system, now, now)
    )
    return resolve(db, conversation_id)


def free_id(db: sqlite3.Connection) -> str:
    """An id that no conversation has."""
    while True:
        conversation_id = "".join(secrets.choice(_ID_LETTERS) for _ in range(ID_LEN))
        if not db.execute("SELECT 1 FROM conversations WHERE conversation_id = ?", (conversation_id,)).fetchone():
            return conversation_id


def at_head(db: sqlite3.Connection, conversation: Conversation, expected_head: int | None) -> Conversation:
    """The conversation, or a fork of it that ends where the caller thinks it does."""
    if expected_head is None or expected_head == conversation.head:
        return conversation
    return fork(db, conversation, expected_head)


def go_on(
    db: sqlite3.Connection,
    conversation: Conversation,
    base: int,
    new: Sequence[tree.NewMessage],
    messages: Sequence[Message],
) -> Conversation:
    """Put messages after the node `base`, make them findable, and move the conversation there."""
    head, added = tree.add_path(db, base, new)
    for node, message in zip(added, messages[len(new) - len(added) :], strict=True):  # what was there comes first
        add_words(db, node, message.content)
    return move_head(db, conversation, head)


def move_head(db: sqlite3.Connection, conversation: Conversation, head: int) -> Conversation:
    """Point a conversation at `head`. Where the old head is not on the new path, it stays as a branch."""
    ends = _branch_heads(db, conversation)
    if conversation.head and not any(tree.is_on_path(db, conversation.head, end) for end in (head, *ends)):
        db.execute("INSERT INTO branches VALUES (?, ?, ?)", (conversation.id, conversation.head, now_us()))
    for end in ends:
        if tree.is_on_path(db, end, head):  # the conversation has come back to it
            db.execute("DELETE FROM branches WHERE conversation_id = ? AND head = ?", (conversation.id, end))
    return set_head(db, conversation, head)


def set_head(db: sqlite3.Connection, conversation: Conversation, head: int) -> Conversation:
    """Point a conversation at `head`, and nothing else."""
    db.execute(
        "UPDATE conversations SET head = ?, updated_us = ? WHERE conversation_id = ?",
        (head or None, now_us(), conversation.id),
    )
    return resolve(db, conversation.id)


def fork(db: sqlite3.Connection, conversation: Conversation, head: int) -> Conversation:
    """A second conversation that ends at the node `head`. Raises ValueError where there is no such node."""
    if head and not db.execute("SELECT 1 FROM nodes WHERE node_id = ?", (head,)).fetchone():
        raise ValueError(f"The store has no message {head} for conversation {conversation.id} to go on from.")
    forked = insert(db, free_id(db), title=conversation.title, model=conversation.model, system=conversation.system)
    return set_head(db, forked, head)


def remove(db: sqlite3.Connection, conversation: Conversation) -> None:
    """Take a conversation out with what only it holds."""
    branch_heads = _branch_heads(db, conversation)
    db.execute("DELETE FROM conversations WHERE conversation_id = ?", (conversation.id,))  # and, with it, its branches
    removed = [node for head in (conversation.head, *branch_heads) for node in tree.remove_line(db, head)]
    remove_words(db, removed)
    tree.remove_unused_bodies(db, [body_id for _, body_id in removed])


def to_conversation(row: Sequence[Any]) -> Conversation:
    """From the columns of `_SELECT`."""
    conversation_id, title, model, system, created_us, updated_us, num_messages, head = row
    return Conversation(
        id=conversation_id,
        title=title,
        model=model,
        system=system,
        created=_to_time(created_us),
        updated=_to_time(updated_us),
        num_messages=num_messages,
        head=head,
    )


def now_us() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def _branch_heads(db: sqlite3.Connection, conversation: Conversation) -> list[int]:
    return [head for (head,) in db.execute("SELECT head FROM branches WHERE conversation_id = ?", (conversation.id,))]


def _to_time(us: int) -> datetime:
    return datetime.fromtimestamp(us / 1e6, UTC)


def _near(db: sqlite3.Connection, asked: str) -> str:
    known = [
        row[0] for row in db.execute("SELECT conversation_id FROM conversations ORDER BY updated_us DESC LIMIT 1000")
    ]
    near = difflib.get_close_matches(asked[:100], known, n=3, cutoff=0.5) or known[:3]
    return f"the nearest are {', '.join(near)}." if near else "the store is empty."
