"""`ConversationStore`: conversations on disk, as pointers into one tree of messages.

A conversation names the node that is its head. Going on moves the head; undoing moves it back and remembers where it
was, so nothing that was said is lost until the conversation is deleted. A fork is a second pointer. What several
conversations have in common is stored once.
"""

import builtins
import sqlite3
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Self

from appkit.chat import jsonl, pointers, tree
from appkit.chat.conversation import Branch, Conversation, SearchHit
from appkit.chat.database import open_database, told_apart, transaction
from appkit.chat.message_codec import BadRecordError, check_text
from appkit.chat.search import MAX_QUERY_CHARACTERS, find_nodes
from appkit.errors import StoreDamagedError
from appkit.llm.notices import ModelNotice
from appkit.messages import Message
from appkit.retrieval.segmentation import search_words
from runtime.files import data_dir

STORE_NAME = "conversations.db"


class ConversationNotice(ModelNotice):
    """Something about a conversation that its user should know although nothing failed; shown as other notices are."""


class ConversationStore:
    """A file of conversations. Threads and processes may share it; a context manager, which closes it.

    Args:
        path: None for `conversations.db` in the data folder. A new file is readable by its owner alone.

    Wherever a conversation id is asked for, its beginning is enough while no other conversation's begins so.

    Raises:
        StoreVersionError: a newer build wrote the file.
        StoreDamagedError: also from any method, where what is stored is not what was written.
        ConversationNotFoundError: from methods that take an id: it names no conversation, or several.
        ConversationError: also from any method: the file is something else, cannot be opened or written, the disk is
            full, or another process writes without end. Nothing was changed then.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = (path or data_dir() / STORE_NAME).absolute()
        self._db = open_database(self._path)
        self._lock = threading.RLock()

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    # --- conversations

    def create(
        self,
        *,
        model: str,
        system: str | None = None,
        title: str = "",
        messages: Sequence[Message] = (),
        conversation_id: str | None = None,
    ) -> Conversation:
        """A new conversation, in one step with its first messages where there are some.

        Args:
            conversation_id: one that `new_id` gave; None makes one.
        """
        new = tree.prepare(messages)
        for text, what in ((model, "model's name"), (system or "", "system message"), (title, "title")):
            check_text(text, what)
        with self._writing() as db:
            free = conversation_id or pointers.free_id(db)
            conversation = pointers.insert(db, free, title=title, model=model, system=system)
            return pointers.go_on(db, conversation, 0, new, messages)

    def new_id(self) -> str:
        """A free id, for a conversation that is created when its first turn has ended."""
        with self._reading() as db:
            return pointers.free_id(db)

    def get(self, conversation_id: str) -> Conversation:
        """The conversation whose id begins so.

        Raises:
            ConversationNotFoundError: there is none, or more than one; the message lists near ones.
        """
        with self._reading() as db:
            return pointers.resolve(db, conversation_id)

    def latest(self) -> Conversation | None:
        """The conversation that was gone on with last; None in an empty store."""
        return next(iter(self.list(limit=1)), None)

    def list(self, limit: int = 50, offset: int = 0) -> "builtins.list[Conversation]":
        """Conversations, the one that was gone on with last first."""
        if limit < 1 or offset < 0:
            raise ValueError(f"limit is {limit} and offset is {offset}; they begin at 1 and at 0.")
        with self._reading() as db:
            return pointers.recent(db, limit, offset)

    def rename(self, conversation_id: str, title: str) -> Conversation:
        """Give a conversation another title; its place in the list stays."""
        check_text(title, "title")
        with self._writing() as db:
            conversation = pointers.resolve(db, conversation_id)
            db.execute("UPDATE conversations SET title = ? WHERE conversation_id = ?", (title, conversation.id))
            return pointers.resolve(db, conversation.id)

    def set_system(self, conversation_id: str, system: str | None) -> Conversation:
        """Give a conversation another system message; None leaves it to the model."""
        check_text(system or "", "system message")
        with self._writing() as db:
            conversation = pointers.resolve(db, conversation_id)
            db.execute("UPDATE conversations SET system = ? WHERE conversation_id = ?", (system, conversation.id))
            return pointers.resolve(db, conversation.id)

    def delete(self, conversation_id: str) -> None:
        """Take a conversation out, with its branches and every message that no other conversation holds.

        Their bytes are overwritten, in the write-ahead log when no other process reads it any more.
        """
        with self._writing() as db:
            pointers.remove(db, pointers.resolve(db, conversation_id))
        with self._lock, told_apart(self._path):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    # --- messages

    def messages(self, conversation_id: str) -> tuple[Message, ...]:
        """The conversation from its first message to its head, each with the ids it was generated with.

        Raises:
            StoreDamagedError: a message is not what its hash was made of.
        """
        return self.load(conversation_id)[1]

    def load(self, conversation_id: str) -> tuple[Conversation, tuple[Message, ...]]:
        """A conversation and its messages, as they were at one moment. Raises as `messages` does."""
        with self._reading() as db:
            conversation = pointers.resolve(db, conversation_id)
            return conversation, tuple(tree.read_path(db, conversation.head))

    def append(
        self,
        conversation_id: str,
        messages: Sequence[Message],
        *,
        keep: int | None = None,
        expected_head: int | None = None,
    ) -> Conversation:
        """Go on with a conversation, all of `messages` or none of them.

        Args:
            keep: go on after that many messages; those behind stay as a branch. None goes on at the end.
            expected_head: the head that the caller knows. Where another process has moved it meanwhile, neither line
                is lost: the messages go on from the expected head as a conversation of its own, with a
                `ConversationNotice`, and that conversation is returned.

        Raises:
            ValueError: a message cannot be stored, or there are fewer than `keep`.
        """
        new = tree.prepare(messages)
        with self._writing() as db:
            asked = pointers.resolve(db, conversation_id)
            here = pointers.at_head(db, asked, expected_head)
            base = here.head if keep is None else pointers.node_after(db, here, keep)
            here = pointers.go_on(db, here, base, new, messages)
        _say_if_forked(asked, here)
        return here

    def fork(self, conversation_id: str, at: int | None = None, *, expected_head: int | None = None) -> Conversation:
        """A second conversation with the first `at` messages of this one, or all of them, which are stored once.

        Args:
            expected_head: the head that the caller knows, whose messages are meant even where it has been moved.

        Raises:
            ValueError: there are fewer messages.
        """
        with self._writing() as db:
            conversation = pointers.resolve(db, conversation_id)
            forked = pointers.fork(db, conversation, conversation.head if expected_head is None else expected_head)
            if at is None:
                return forked
            return pointers.set_head(db, forked, pointers.node_after(db, forked, at))

    def truncate(self, conversation_id: str, num_messages: int, *, expected_head: int | None = None) -> Conversation:
        """Go back to the first `num_messages`. What was behind them stays as a branch.

        Args:
            expected_head: as for `append`.

        Raises:
            ValueError: there are fewer messages.
        """
        with self._writing() as db:
            asked = pointers.resolve(db, conversation_id)
            here = pointers.at_head(db, asked, expected_head)
            here = pointers.move_head(db, here, pointers.node_after(db, here, num_messages))
        _say_if_forked(asked, here)
        return here

    def branches(self, conversation_id: str) -> "builtins.list[Branch]":
        """Lines that a conversation was taken off, the last one first."""
        with self._reading() as db:
            return pointers.branches(db, pointers.resolve(db, conversation_id))

    def restore(self, conversation_id: str, head: int) -> Conversation:
        """Make a branch the conversation again; what it was until now becomes a branch.

        Raises:
            ValueError: the conversation has no branch that ends there.
        """
        with self._writing() as db:
            conversation = pointers.resolve(db, conversation_id)
            if head not in (known := [branch.head for branch in pointers.branches(db, conversation)]):
                raise ValueError(f"Conversation {conversation.id} has no branch {head}; it has {known or 'none'}.")
            return pointers.move_head(db, conversation, head)

    # --- notes

    def note(self, conversation_id: str, kind: str, *, num_messages: int | None = None) -> tuple[int, str] | None:
        """The newest note of a kind about the first `num_messages` or fewer: about how many it is, and its text."""
        with self._reading() as db:
            conversation = pointers.resolve(db, conversation_id)
            at = conversation.num_messages if num_messages is None else num_messages
            return tree.newest_note(db, pointers.node_after(db, conversation, at), kind)

    def put_note(self, conversation_id: str, kind: str, text: str, *, num_messages: int) -> None:
        """Keep `text` beside the first `num_messages` of a conversation, and of every fork that shares them.

        Raises:
            ValueError: there are fewer messages, or none to keep it beside.
        """
        check_text(text, "note")
        with self._writing() as db:
            conversation = pointers.resolve(db, conversation_id)
            node = pointers.node_after(db, conversation, num_messages)
            if not node:
                raise ValueError("A note stands beside messages; give num_messages of at least 1.")
            db.execute("INSERT OR REPLACE INTO notes VALUES (?, ?, ?)", (node, kind, text))

    # --- search, export and import

    def search(self, text: str, limit: int = 20) -> "builtins.list[SearchHit]":
        """Messages with any of the words of `text`, best first; those on branches left behind too, marked as such."""
        if limit < 1:
            raise ValueError(f"limit is {limit}; ask for at least 1 hit.")
        words = search_words(text[:MAX_QUERY_CHARACTERS])
        with self._reading() as db:
            hits = [pointers.hit(db, node, score, words) for node, score in find_nodes(db, words, limit)]
            return [hit for hit in hits if hit is not None]

    def export_jsonl(self, conversation_id: str, file: Path | IO[str]) -> int:
        """Write a conversation as JSON Lines; returns how many messages. A path is written whole or not at all."""
        conversation, messages = self.load(conversation_id)
        jsonl.write(conversation, messages, file)
        return len(messages)

    def import_jsonl(self, file: Path | IO[str]) -> Conversation:
        """A new conversation from what `export_jsonl` wrote. Nothing is imported where a line is wrong.

        Raises:
            ConversationError: naming the line and what is wrong with it.
        """
        head, messages = jsonl.read(file)
        return self.create(model=head.model, system=head.system, title=head.title, messages=messages)

    # --- life

    def close(self) -> None:
        """Close the file. Twice is harmless; later calls raise."""
        with self._lock:
            self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._checked(), transaction(self._db, self._path):
            yield self._db

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """What is read in the block is from one moment, whatever other processes write."""
        with self._lock, self._checked(), transaction(self._db, self._path, kind="DEFERRED"):
            yield self._db

    @contextmanager
    def _checked(self) -> Iterator[None]:
        try:
            yield
        except BadRecordError as error:
            raise StoreDamagedError(
                f"The conversation store {self._path} is damaged: {error}. Other conversations may still be whole: "
                "export them; or put a copy of the file in its place.",
                self._path,
            ) from error


def _say_if_forked(asked: Conversation, here: Conversation) -> None:
    if here.id != asked.id:
        warnings.warn(
            f"Conversation {asked.id} was gone on with elsewhere meanwhile; this line of it is now {here.id}.",
            ConversationNotice,
            stacklevel=3,
        )
