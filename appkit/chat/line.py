"""`Line`: the messages of one chat, in memory and, where it has a store, on disk.

What is on disk is written first; where that fails the line is as it was.
"""

from collections.abc import Sequence
from typing import Self

from appkit.chat.notes import Notes, NotesInMemory, NotesInStore
from appkit.chat.store import ConversationStore
from appkit.messages import Message

TITLE_LEN = 60  # characters


class Line:
    """Owns the messages and knows the head it last saw, so that what another process adds is noticed."""

    def __init__(self, store: ConversationStore | None, *, model: str, messages: Sequence[Message] = ()) -> None:
        self._store = store
        self._opening = self._messages = tuple(messages)
        self._notes = NotesInMemory()
        self._head: int | None = None  # None until the store holds the conversation
        self.conversation_id = None if store is None else store.new_id()
        self.model = model
        self.system: str | None = None

    @classmethod
    def load(cls, store: ConversationStore, conversation_id: str) -> Self:
        """A stored conversation to go on with. Raises ConversationNotFoundError."""
        conversation, messages = store.load(conversation_id)
        line = cls(store, model=conversation.model)
        line._messages = messages
        line._head = conversation.head
        line.conversation_id = conversation.id
        line.system = conversation.system
        return line

    @property
    def messages(self) -> tuple[Message, ...]:
        """From the first to the last."""
        return self._messages

    @property
    def notes(self) -> Notes:
        """What is kept beside the messages."""
        if self._store is None or self.conversation_id is None or self._head is None:
            return self._notes
        return NotesInStore(self._store, self.conversation_id)

    def new(self) -> "Line":
        """A new one with the same store, model and first messages."""
        return Line(self._store, model=self.model, messages=self._opening)

    def append(self, messages: Sequence[Message], *, keep: int, system: str | None) -> None:
        """Go on after the first `keep` messages; those behind stay in the store as a branch."""
        kept = (*self._messages[:keep], *messages)
        if self._store is not None and self.conversation_id is not None:
            if self._head is None:
                stored = self._store.create(
                    model=self.model,
                    system=system,
                    title=_title(messages[0].content),
                    messages=kept,
                    conversation_id=self.conversation_id,
                )
            else:
                stored = self._store.append(self.conversation_id, messages, keep=keep, expected_head=self._head)
                if system != self.system:
                    stored = self._store.set_system(stored.id, system)
            self.conversation_id, self._head = stored.id, stored.head
        elif keep < len(self._messages):
            self._notes = self._notes.cut(keep)
        self._messages, self.system = kept, system

    def truncate(self, num_messages: int) -> None:
        """Go back to the first `num_messages`."""
        if self._store is not None and self.conversation_id is not None and self._head is not None:
            stored = self._store.truncate(self.conversation_id, num_messages, expected_head=self._head)
            self.conversation_id, self._head = stored.id, stored.head
        self._messages = self._messages[:num_messages]
        self._notes = self._notes.cut(num_messages)

    def fork(self, num_messages: int) -> "Line":
        """A second line that shares the first `num_messages`. Raises ValueError where there are fewer."""
        if not 0 <= num_messages <= len(self._messages):
            raise ValueError(
                f"The conversation has {len(self._messages)} messages; it cannot be forked at {num_messages}."
            )
        forked = self.new()
        if self._store is not None and self.conversation_id is not None and self._head is not None:
            forked = Line.load(
                self._store, self._store.fork(self.conversation_id, num_messages, expected_head=self._head).id
            )
        forked._messages = self._messages[:num_messages]
        forked._notes = self._notes.cut(num_messages)
        forked.system = self.system
        return forked


def _title(question: str) -> str:
    """The first line of the first question, so that a list of conversations says something."""
    line = next(iter(question.strip().splitlines()), "")
    return line if len(line) <= TITLE_LEN else line[: TITLE_LEN - 1].rstrip() + "…"
